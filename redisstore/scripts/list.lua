-- ARGV: now.
local now, list, all = tonumber(ARGV[1]), {}, redis.call('HGETALL', SESSIONS)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 1) == ':' then
    local r = unpackRecord(all[i + 1])
    if r and now < r.expires then
      r.id = string.sub(all[i], 2)
      list[#list + 1] = r
    end
  end
end
table.sort(list, function(a, b) return a.entered < b.entered end)
for i, r in ipairs(list) do
  list[i] = { r.id, r.start, r.rotated, r.expires, r.current, r.previous, r.scope, r.label }
end
return list
