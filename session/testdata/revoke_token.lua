-- ARGV: call, now, until.
local call, now, ms = ARGV[1], ARGV[2], ARGV[3]
local have, by = revocation(now)
if have then
  if number(have) > number(ms) then ms = have end
else
  by = call
end
redis.call('SET', KEYS[3], ms .. ' ' .. by)
keep(KEYS[3], ms)
return by == call and 1 or 0
