-- ARGV: session, call, now.
local session, call, now = ARGV[1], ARGV[2], ARGV[3]
local r = known(session)
if live(r, now) then
  save(session, ended(r, call, now))
  return 1
elseif r ~= nil and r.current ~= '' then -- over by this clock, and by another's perhaps not yet
  save(session, ended(r, '', now))
  return 0
end
return endedBy(r, call, now) and 1 or 0
