--[[
  drain - remove the jobs of one state that nobody has started, except those of schedulers.
  Why a script: a job and its id must go in one step, or a worker takes an id without a job.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 state: wait | paused | prioritized | delayed
        3 how many jobs earlier calls kept   4 how many to look at
  RETURNS  {how many are kept by now, or -1 if none is left, how many were removed}
]]
local queue = queue_at(ARGV[1])
local window = { kept = tonumber(ARGV[3]), look = tonumber(ARGV[4]) }
local ids, kept, is_end = sweep(queue, ARGV[2], window, function(id)
  return not is_pending_of_scheduler(queue, id)
end)
discard_all(queue, ARGV[2], ids)
return { is_end and -1 or kept, #ids }
