--[[
  cancel_job - let a job fail for good that has not finished, or ask the worker that has it to.
  Why a script: a worker must not take the job between the look at its place and its failure, and
  its parent learns of it exactly once.
  The wish about an active job is its deferred failure: whichever client takes the job next fails it
  without working it. That is announced to the worker that has the job now; the announcement is but
  a hint to look, and who may not make it relies on the renewal of the job's lock.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id   3 now (unix ms)   4 reason   5 rule of what is kept (see trim_finished)
  RETURNS  0 it has failed, 1 its worker is asked, 2 it has finished; or a negative code: -1 the job
           is missing, -3 it is in no state, -8 a scheduler waits for it
]]
local queue = queue_at(ARGV[1])
local id, now, reason, rule = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local key = queue.prefix .. id
if call('EXISTS', key) == 0 then return -1 end
if call('ZSCORE', queue.completed, id) or call('ZSCORE', queue.failed, id) then return 2 end
if call('LPOS', queue.active, id) then
  call('HSET', key, 'defa', reason)
  redis.pcall('PUBLISH', queue.cancel, id)
  return 1
end
if is_pending_of_scheduler(queue, id) then return -8 end

-- Takes a job out of where it waits. Returns the name of the place.
local function take_waiting()
  for _, name in ipairs({ 'delayed', 'prioritized', 'waiting-children' }) do
    if call('ZREM', queue[name], id) == 1 then return name end
  end
  for _, name in ipairs({ 'wait', 'paused' }) do
    if call('LREM', queue[name], 0, id) > 0 then return name end
  end
end

local place = take_waiting()
if not place then return -3 end
local settings = read_settings(queue)
-- In the order in which a finishing job's are read.
local fields = call('HMGET', key, 'processedOn', 'atm', 'deid', 'parentKey', 'parent')
local job = { kind = 'failed', id = id, value = reason, keep = rule }
local has_parent = rare().tell_relatives(queue, settings, now, job, fields)
if rule == '0' then
  if has_parent then rare().detach(queue, key, false) end
  rare().drop_job(queue, id)
else
  -- No attempt was made, so none is counted and none has a trace.
  call('HSET', key, 'failedReason', reason, 'finishedOn', now)
  if place == 'delayed' then call('HSET', key, 'delay', 0) end
  call('HDEL', key, 'defa')
  put_off_finished(queue, now, job.kind, job.keep, job.id)
end
call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
  'event', 'failed', 'jobId', id, 'failedReason', reason, 'prev', place)
carry_out(queue)
-- Where workers count, the point of this minute is closed by the next job that finishes.
local metrics = queue.prefix .. 'metrics:failed'
if call('EXISTS', metrics) == 1 then call('HINCRBY', metrics, 'count', 1) end
return 0
