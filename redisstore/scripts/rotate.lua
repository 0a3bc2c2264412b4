-- ARGV: session, presented, next, scope, now, expires, grace, names. It is the rule of session.Rotation.Apply.
local id, presented, next, scope = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local now, expires, grace = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

-- greater compares bytes, whatever the server's language is.
local function greater(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return #a > #b
end

-- narrow returns those of the scopes asked that are had as well.
local function narrow(had, asked)
  if had == asked then return asked end
  local have, list = {}, {}
  for word in string.gmatch(had, '%S+') do have[word] = true end
  for word in string.gmatch(asked, '%S+') do
    if have[word] then list[#list + 1] = word end
  end
  return table.concat(list, ' ')
end

local r = find(id)
if not r then return finished(id, now) == next and 'reused' or 'unknown' end
if now >= r.expires then return 'unknown' end
if revocation(now) then return 'revoked' end
local outcome
if next == r.current then
  return { 'rotated', r.current, r.scope }
elseif presented == r.current then
  outcome = 'rotated'
elseif presented == r.previous and r.rotated and math.abs(now - r.rotated) < grace then
  outcome = 'replayed'
elseif greater(presented, r.current) then
  outcome = 'rewound'
else
  finish(id, ARGV[8], next, now)
  return 'reused'
end
r.scope = narrow(r.scope, scope)
if outcome ~= 'replayed' then
  r.previous, r.current, r.rotated, r.expires = presented, next, now, math.max(r.expires, expires)
end
save(id, r, now)
return { outcome, r.current, r.scope }
