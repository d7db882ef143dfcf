--[[
  remove_job - remove a job, whatever state it is in, and its children if asked.
  Why a script: a worker must not take the job between the look at its lock and its removal, and a
  parent must not run because its children are removed before it.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id   3 1 = its children too   4 how many jobs at most
        5 1 = the first call for this job, which looks whether any of its children is held
  RETURNS  1 if it is gone, 0 if a worker holds it or a child, 2 if children are left and the call
           must be repeated; or a negative code: -8 a scheduler waits for it
]]
local queue = queue_at(ARGV[1])
local id, with_children = ARGV[2], ARGV[3] == '1'
if is_pending_of_scheduler(queue, id) then return -8 end
if is_locked(queue, id, with_children and ARGV[5] == '1') then return 0 end
local budget = { left = tonumber(ARGV[4]) }
if remove_job(queue, id, with_children, budget) then return 1 end
return budget.is_locked and 0 or 2
