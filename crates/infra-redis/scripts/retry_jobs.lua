--[[
  retry_jobs - let jobs run again that completed or failed until a moment, those first that finished
  first.
  Why a script: a job leaves one state for another, and its parent waits for it again, in one step.
  As other clients do, it puts prioritized jobs in `wait` too.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 state: completed | failed   3 until (unix ms)   4 how many jobs at most
  RETURNS  {how many were looked at, how many will run again}
]]
local queue = queue_at(ARGV[1])
local state = ARGV[2]
local ids = call('ZRANGEBYSCORE', queue[state], '-inf', ARGV[3], 'LIMIT', 0, ARGV[4])
if #ids == 0 then return { 0, 0 } end
local settings = read_settings(queue)
call('ZREM', queue[state], unpack(ids))
local retried = 0
for _, id in ipairs(ids) do
  -- An id without a job is dropped.
  if call('EXISTS', queue.prefix .. id) == 1 then
    reopen(queue, id, state)
    call('LPUSH', queue.wait, id)
    call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
      'event', 'waiting', 'jobId', id, 'prev', state)
    retried = retried + 1
  end
end
if retried > 0 and not is_blocked(queue, settings) then wake(queue) end
return { #ids, retried }
