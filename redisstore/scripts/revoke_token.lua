-- ARGV: call, now, until, names.
local call, now, instant = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local have, by = revocation(now)
if not have or have < instant then
  publish(LOG, 't', ARGV[4])
  redis.call('SET', TOKEN, cmsgpack.pack(instant, by or call), 'KEEPTTL')
  keep(TOKEN, now, instant)
end
return (by or call) == call and 1 or 0
