--[[
  counts_per_priority - how many jobs are ready at each of some priorities.
  Why a script: counts read one after another would show a moving job twice or not at all.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix; then the priorities
  RETURNS  a count for each
]]
local queue = queue_at(ARGV[1])
local counts = {}
for at = 2, #ARGV do
  local priority = tonumber(ARGV[at])
  if priority == 0 then
    counts[#counts + 1] = call('LLEN', queue.wait) + call('LLEN', queue.paused)
  else
    counts[#counts + 1] = call('ZCOUNT', queue.prioritized,
      priority * 4294967296, (priority + 1) * 4294967296 - 1)
  end
end
return counts
