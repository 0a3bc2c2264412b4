-- How every script begins. A server that may not be written to knows what was revoked only as of some time ago: it
-- answers nothing. PERSIST changes nothing, and says so. A broken disk is no reason not to answer.
local function guard(all)
  local answer = redis.pcall('PERSIST', all)
  if type(answer) == 'table' and answer.err and string.sub(answer.err, 1, 8) ~= 'MISCONF ' then return answer end
end

-- epochOf returns the count of logouts of everyone, which tells whose sessions they have ended; nil if there is none,
-- because the store is new or has lost its data.
local function epochOf(all) return tonumber(redis.call('HGET', all, 'epoch') or nil) end
