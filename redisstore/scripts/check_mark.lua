-- Of a token of no session. ARGV: issued, now. The answer is 1 for a revoked token.
local issued, now = tonumber(ARGV[1]), tonumber(ARGV[2])
local revoked = redis.call('GET', TOKEN)
if revoked and cmsgpack.unpack(revoked) > now then return 1 end
for _, mark in ipairs({ redis.call('GET', MARK), redis.call('HGET', ALL, 'mark') }) do
  if mark and (not issued or issued <= tonumber(mark)) then return 1 end
end
return 0
