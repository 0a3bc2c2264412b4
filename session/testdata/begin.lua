-- ARGV: session, record, limit, now.
local session, limit, now = ARGV[1], number(ARGV[3]), ARGV[4]
if redis.call('HEXISTS', KEYS[1], 's:' .. session) == 1 then return 0 end
if limit > 0 then
  local others, all = {}, redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 's:' then
      local r = cjson.decode(all[i + 1])
      if live(r, now) and r.epoch == epoch() then
        others[#others + 1] = { name = all[i], entered = number(r.entered) }
      elseif number(now) >= number(r.expires) then
        redis.call('HDEL', KEYS[1], all[i])
      end
    end
  end
  table.sort(others, function(a, b) return a.entered < b.entered end)
  for i = 1, #others - limit + 1 do redis.call('HDEL', KEYS[1], others[i].name) end
end
local r = cjson.decode(ARGV[2])
r.epoch, r.entered = epoch(), tostring(redis.call('HINCRBY', KEYS[1], 'entered', 1))
save(session, r)
return 1
