-- KEYS: ALL and LOG, of any number of partitions. ARGV: mark, epoch.
-- What is new begins as if everyone had just been logged out. The answer is how the server forgets when it is full.
for i = 1, #KEYS, 2 do
  local all, log = KEYS[i], KEYS[i + 1]
  local refusal = guard(all)
  if refusal then return refusal end
  if not epochOf(all) then
    publish(log, 'a', '')
    redis.call('HSET', all, 'epoch', ARGV[2])
    if ARGV[1] ~= '' then redis.call('HSET', all, 'mark', ARGV[1]) end
  end
end
local info = redis.pcall('INFO', 'memory')
if type(info) == 'table' then return 'unknown: ' .. info.err end
return string.match(info, 'maxmemory_policy:(%S+)') or 'unknown: INFO does not say it'
