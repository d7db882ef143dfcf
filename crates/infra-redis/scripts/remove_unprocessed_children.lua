--[[
  remove_unprocessed_children - remove those children of a job that have not finished.
  Why a script: a worker must not take a child between the look at its lock and its removal.
  Children that a worker holds, and those that failed, stay.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id of the parent   3 cursor ('0' at first)   4 how many jobs at most
  RETURNS  {cursor for the next call, 1 if the call must be repeated although the cursor is '0'}
]]
local queue = queue_at(ARGV[1])
local budget = { left = tonumber(ARGV[4]) }
local children = call('SSCAN', queue.prefix .. ARGV[2] .. ':dependencies', ARGV[3],
  'COUNT', ARGV[4])
for _, key in ipairs(children[2]) do
  local child_queue, id = job_at(key)
  if not call('ZSCORE', child_queue.failed, id) and not is_locked(child_queue, id, true)
    and not remove_job(child_queue, id, true, budget) and not budget.is_locked then
    -- The same children again, without those that are gone.
    return { ARGV[3], 1 }
  end
end
return { children[1], 0 }
