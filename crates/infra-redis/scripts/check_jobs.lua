--[[
  check_jobs - which of some stored jobs are in no state.
  Why a script: a job that moves between two looks would be found nowhere.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix, then the ids
  RETURNS  the ids of those that no worker holds and that are in no state
]]
local queue = queue_at(ARGV[1])
local homeless = {}
for at = 2, #ARGV do
  if is_homeless(queue, ARGV[at]) then homeless[#homeless + 1] = ARGV[at] end
end
return homeless
