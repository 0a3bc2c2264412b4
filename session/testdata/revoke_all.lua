-- ARGV: now. Once for each slot.
local have = redis.call('HGET', KEYS[2], 'mark')
if not have or number(have) < number(ARGV[1]) then redis.call('HSET', KEYS[2], 'mark', ARGV[1]) end
return redis.call('HINCRBY', KEYS[2], 'epoch', 1)
