--[[
  promote - let a delayed job run now.
  Why a script: a job that is due at this moment must be made ready once, not twice.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id
  RETURNS  0, or a negative code: -1 the job is missing, -3 it is not delayed
]]
local queue = queue_at(ARGV[1])
local id = ARGV[2]
local key = queue.prefix .. id
if call('ZREM', queue.delayed, id) == 0 then return -3 end
-- An id without a job is dropped.
if call('EXISTS', key) == 0 then return -1 end
push_ready(queue, id, tonumber(call('HGET', key, 'priority') or 0) or 0)
if not is_blocked(queue, read_settings(queue)) then wake(queue) end
call('XADD', queue.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'delayed')
call('HSET', key, 'delay', 0)
return 0
