-- ARGV: session, limit, now, rotated, expires, current, previous, scope, label, names of the subject's sessions.
local id, limit, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local known = find(id)
if known and now < known.expires or finished(id, now) then return 0 end
save(id, {
  epoch = EPOCH, entered = redis.call('HINCRBY', SESSIONS, 'n', 1), start = now,
  rotated = tonumber(ARGV[4]) or false, expires = tonumber(ARGV[5]),
  current = ARGV[6], previous = ARGV[7], scope = ARGV[8], label = ARGV[9],
}, now)

-- Only when there may be too many all are looked at, and now and then.
local size = redis.call('HLEN', SESSIONS) - 1
local sweep = tonumber(redis.call('HGET', SESSIONS, 'sweep') or 32)
if (limit <= 0 or size <= limit) and size < sweep then return 1 end
local others, all = {}, redis.call('HGETALL', SESSIONS)
for i = 1, #all, 2 do
  local name = all[i]
  if string.sub(name, 1, 1) == ':' and name ~= ':' .. id then
    local r = unpackRecord(all[i + 1])
    if not r or now >= r.expires + LATE then
      redis.call('HDEL', SESSIONS, name)
    elseif now < r.expires then
      others[#others + 1] = { id = string.sub(name, 2), entered = r.entered }
    end
  end
end
if limit > 0 then
  table.sort(others, function(a, b) return a.entered < b.entered end)
  for i = 1, #others - limit + 1 do
    publish(LOG, 's', ARGV[10] .. others[i].id)
    redis.call('HDEL', SESSIONS, ':' .. others[i].id)
  end
end
size = redis.call('HLEN', SESSIONS)
if size > 16 then
  redis.call('HSET', SESSIONS, 'sweep', 2 * size)
else
  redis.call('HDEL', SESSIONS, 'sweep')
end
return 1
