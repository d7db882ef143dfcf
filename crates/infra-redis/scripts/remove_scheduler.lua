--[[
  remove_scheduler - end a series: remove a job scheduler, and its next job if that is delayed.
  Why a script: a worker must not add an iteration between the two removals.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 scheduler id
  RETURNS  0, or 1 if there is no such scheduler
]]
local queue, scheduler = queue_at(ARGV[1]), ARGV[2]
local millis = next_iteration(queue, scheduler)
if millis then
  local id = iteration_id(scheduler, millis)
  if call('ZREM', queue.delayed, id) == 1 then
    release_deduplication(queue, id, call('HGET', queue.prefix .. id, 'deid'))
    drop_job(queue, id)
    call('XADD', queue.events, '*', 'event', 'removed', 'jobId', id, 'prev', 'delayed')
  end
end
call('DEL', scheduler_key(queue, scheduler))
return call('ZREM', queue['repeat'], scheduler) == 1 and 0 or 1
