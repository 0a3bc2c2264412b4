-- KEYS: ALL and LOG, of any number of partitions. ARGV: mark, epoch.
-- What is new begins as if everyone had just been logged out. The answer is how the server forgets when it is full, and
-- 1 if it says that it writes no log.
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
local memory, persistence = redis.pcall('INFO', 'memory'), redis.pcall('INFO', 'persistence')
if type(memory) == 'table' then return {'unknown: ' .. memory.err, 0} end
local policy = string.match(memory, 'maxmemory_policy:(%S+)') or 'unknown: INFO does not say it'
return {policy, type(persistence) == 'string' and string.find(persistence, 'aof_enabled:0', 1, true) and 1 or 0}
