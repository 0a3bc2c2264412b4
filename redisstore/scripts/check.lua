-- ARGV: session, now, and "1" if the record is asked for. The answer is 1 for a revoked token, and 2 for a session that
-- has ended; with the record it is a list.
local now = tonumber(ARGV[2])
local verdict = 0
local revoked = redis.call('GET', TOKEN)
if revoked and cmsgpack.unpack(revoked) > now then verdict = 1 end
local text = redis.call('HGET', SESSIONS, ':' .. ARGV[1])
if not text then return verdict + 2 end
local epoch, _, start, rotated, expires, current, previous, scope, label = cmsgpack.unpack(text)
if epoch ~= EPOCH or now >= expires then return verdict + 2 end
if ARGV[3] ~= '1' then return verdict end
return { verdict, start, rotated, expires, current, previous, scope, label }
