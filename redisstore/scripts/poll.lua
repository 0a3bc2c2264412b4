-- KEYS: ALL and LOG, of any number of partitions. ARGV: how far to read back, how many entries to read in all, and for
-- each partition the id of the entry that was read last, or nothing.
-- The answer is the server's time and a list for each partition: 1 if there may be more, and id, kind and names of each
-- entry. The first is the one that was read last, if it is still there: then nothing can have come before it meanwhile.
-- A list is empty where data were lost.
local time = redis.call('TIME')
local ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local answer, left = { ms }, tonumber(ARGV[2])
local refusal = guard(KEYS[1]) -- one server has all of them
if refusal then return refusal end
local alls = {}
for i = 1, #KEYS, 2 do alls[#alls + 1] = KEYS[i] end
local complete = redis.call('EXISTS', unpack(alls)) == #alls
for i = 1, #KEYS, 2 do
  local all, log, last = KEYS[i], KEYS[i + 1], ARGV[2 + (i + 1) / 2]
  local list = {}
  if complete or epochOf(all) then
    local from = last ~= '' and last or whole(ms - tonumber(ARGV[1]))
    local most = math.max(2, math.min(1000, left)) -- the last one, and one at least that is new
    local found = redis.call('XRANGE', log, from, '+', 'COUNT', most)
    left = left - #found
    local more = #found == most and 1 or 0
    if #found == 0 then found = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1) end
    if #found > 0 then list[1] = more end
    for _, entry in ipairs(found) do
      list[#list + 1] = entry[1]
      list[#list + 1] = entry[2][1]
      list[#list + 1] = entry[2][2]
    end
  end
  answer[#answer + 1] = list
end
return answer
