-- ARGV: now, until, names. Who ended a session a moment ago is remembered all the same.
local now = tonumber(ARGV[1])
publish(LOG, 'm', ARGV[3])
local mark = tonumber(redis.call('GET', MARK) or nil)
if not mark or mark < now then redis.call('SET', MARK, ARGV[1], 'KEEPTTL') end
keep(MARK, now, tonumber(ARGV[2]))
redis.call('UNLINK', SESSIONS)
return 1
