-- ARGV: now, until.
local mark, ms = ARGV[1], ARGV[2]
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(name, 1, 2) == 's:' then redis.call('HDEL', KEYS[1], name) end
end
local have = redis.call('HGET', KEYS[1], 'mark')
if not have or number(have) < number(mark) then redis.call('HSET', KEYS[1], 'mark', mark) end
keep(KEYS[1], ms)
return 1
