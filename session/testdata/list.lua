-- ARGV: now.
local list, all = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 's:' then
    local r = known(string.sub(all[i], 3))
    if live(r, ARGV[1]) then
      r.session = string.sub(all[i], 3)
      list[#list + 1] = r
    end
  end
end
table.sort(list, function(a, b) return number(a.entered) < number(b.entered) end)
for i = 1, #list do list[i] = cjson.encode(list[i]) end
return list
