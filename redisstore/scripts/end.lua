-- ARGV: session, call, now, names. It is the rule of session.Ending.Apply.
local id, call, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local r = find(id)
if not r then
  local by = finished(id, now)
  if by then return by ~= '' and by == call and 1 or 0 end
  tell(id, ARGV[4], now) -- a replica may take the word of a token for it: a failover may have lost its beginning
  return 0
end
if now < r.expires then
  finish(id, ARGV[4], call, now)
  return 1
end
finish(id, ARGV[4], '', now) -- over by this clock, and by another's perhaps not yet
return 0
