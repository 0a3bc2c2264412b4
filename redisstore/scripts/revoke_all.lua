-- KEYS: ALL and LOG, of any number of partitions. ARGV: now, call, and an epoch for what is new.
for i = 1, #KEYS, 2 do
  local all, log = KEYS[i], KEYS[i + 1]
  local refusal = guard(all)
  if refusal then return refusal end
  if redis.call('HGET', all, 'call') ~= ARGV[2] then -- it was not this very call
    publish(log, 'a', '')
    local epoch = epochOf(all)
    redis.call('HSET', all, 'call', ARGV[2], 'epoch', epoch and whole(epoch + 1) or ARGV[3])
    local mark = tonumber(redis.call('HGET', all, 'mark') or nil)
    if not mark or mark < tonumber(ARGV[1]) then redis.call('HSET', all, 'mark', ARGV[1]) end
  end
end
return 1
