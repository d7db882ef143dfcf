--[[
  pause - let no job start until the queue is resumed.
  Why a script: a worker must not find a wake-up between the setting and the marker's removal.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix
]]
local queue = queue_at(ARGV[1])
call('HSET', queue.meta, 'paused', 1)
call('DEL', queue.marker)
call('XADD', queue.events, '*', 'event', 'paused')
