-- ARGV: session, issued, now, 1 if the record is asked for.
local session, issued, now = ARGV[1], ARGV[2], ARGV[3]
local revoked = KEYS[3] ~= nil and revocation(now) ~= nil
if session == '' then
  for _, mark in ipairs({ redis.call('HGET', KEYS[1], 'mark'), redis.call('HGET', KEYS[2], 'mark') }) do
    revoked = revoked or mark and (issued == '' or number(issued) <= number(mark))
  end
  return { revoked and 1 or 0, 0, '' }
end
local r = known(session)
if not live(r, now) then return { revoked and 1 or 0, 1, '' } end
return { revoked and 1 or 0, 0, ARGV[4] == '1' and cjson.encode(r) or '' }
