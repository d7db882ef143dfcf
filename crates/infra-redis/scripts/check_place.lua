--[[
  check_place - some ids of one state, and what is wrong with them.
  Why a script: an id read in one step and its job in another are often of two moments.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 the state's key   3 how many ids to pass over   4 how many at most
  RETURNS  {ids, those whose job is not stored, those of active jobs that nobody holds}
]]
local queue = queue_at(ARGV[1])
local name, from = ARGV[2], tonumber(ARGV[3])
local is_list = name == 'wait' or name == 'paused' or name == 'active'
local ids = call(is_list and 'LRANGE' or 'ZRANGE', queue[name], from,
  from + tonumber(ARGV[4]) - 1)
local missing, unheld = {}, {}
for _, id in ipairs(ids) do
  local key = queue.prefix .. id
  if call('EXISTS', key) == 0 then
    missing[#missing + 1] = id
  elseif name == 'active' and call('EXISTS', key .. ':lock') == 0 then
    unheld[#unheld + 1] = id
  end
end
return { ids, missing, unheld }
