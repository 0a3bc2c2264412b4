-- ARGV: session, presented, next, scope, now, expires, grace.
local session, presented, next, scope, now, expires, grace = unpack(ARGV)
local r = known(session)
if endedBy(r, next, now) then return { 'reused' } end
if not live(r, now) then return { 'unknown' } end
if revocation(now) then return { 'revoked' } end
if r.current == next then return { 'rotated', r.current, r.scope } end
local distance = math.abs(number(now) - number(r.rotated))
local outcome
if presented == r.current then
  outcome = 'rotated'
elseif presented == r.previous and number(grace) > 0 and distance < number(grace) then
  outcome = 'replayed'
elseif presented > r.current then
  outcome = 'rewound'
else
  save(session, ended(r, next, now))
  return { 'reused' }
end
r.scope = narrow(r.scope, scope)
if outcome ~= 'replayed' then
  r.previous, r.current, r.rotated = presented, next, now
  if number(expires) > number(r.expires) then r.expires = expires end
end
save(session, r)
return { outcome, r.current, r.scope }
