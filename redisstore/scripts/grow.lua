-- How a script of one subject begins that a server without memory has to refuse, before anything is changed. HSETNX,
-- which changes nothing but the first time, says so, and whether the server may be written to at all.
--
-- The other scripts go on when memory is full, so that a logout still counts: after PERSIST a server refuses nothing.
local answer = redis.pcall('HSETNX', ALL, 'room', '')
if type(answer) == 'table' then return answer end
local EPOCH = epochOf(ALL)
if not EPOCH then return 'empty' end
