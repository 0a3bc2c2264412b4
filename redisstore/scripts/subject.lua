-- How a script of one subject begins.
local refusal = guard(ALL)
if refusal then return refusal end
local EPOCH = epochOf(ALL)
if not EPOCH then return 'empty' end
