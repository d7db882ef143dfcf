--[[
  retry_job - let a job that completed or failed run again.
  Why a script: the job leaves one state for another, and its parent waits for it again, in one
  step.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id   3 state it is in: completed | failed
        4 1 = forget the attempts made   5 1 = forget the attempts started
  RETURNS  0, or a negative code: -1 the job is missing, -3 it is not in that state
]]
local queue = queue_at(ARGV[1])
local id, state = ARGV[2], ARGV[3]
local key = queue.prefix .. id
if call('EXISTS', key) == 0 then return -1 end
if call('ZREM', queue[state], id) == 0 then return -3 end
local settings = read_settings(queue)
local opts, priority = reopen(queue, id, state)
if ARGV[4] == '1' then call('HDEL', key, 'atm') end
if ARGV[5] == '1' then call('HDEL', key, 'ats') end
local ok, decoded = pcall(cjson.decode, opts or '{}')
if priority == 0 and ok and type(decoded) == 'table' and decoded.lifo == true then
  call('RPUSH', queue.wait, id)
else
  push_ready(queue, id, priority)
end
if not is_blocked(queue, settings) then wake(queue) end
call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
  'event', 'waiting', 'jobId', id, 'prev', state)
return 0
