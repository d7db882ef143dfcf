--[[
  change_delay - let a delayed job wait for another time, from now.
  Why a script: a worker must not take the job for due between its two places.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id   3 delay (ms)   4 now (unix ms)
  RETURNS  0, or a negative code: -1 the job is missing, -3 it is not delayed
]]
local queue = queue_at(ARGV[1])
local id, delay = ARGV[2], tonumber(ARGV[3])
local key = queue.prefix .. id
if call('EXISTS', key) == 0 then return -1 end
if call('ZREM', queue.delayed, id) == 0 then return -3 end
call('HSET', key, 'delay', ARGV[3])
push_delayed(queue, read_settings(queue), id, tonumber(ARGV[4]) + delay)
wake_at_next_due(queue)
return 0
