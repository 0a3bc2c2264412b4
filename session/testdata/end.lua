-- ARGV: session, call, now.
local session, call, now = ARGV[1], ARGV[2], ARGV[3]
local r = known(session)
if not live(r, now) then return endedBy(r, call, now) and 1 or 0 end
save(session, ended(r, call, now))
return 1
