--[[
  counts - how many jobs are in each state, at one moment.
  Why a script: counts read one after another would show a moving job twice or not at all.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix
  RETURNS  waiting, active, prioritized, delayed, waiting-children, completed, failed
]]
local queue = queue_at(ARGV[1])
return {
  call('LLEN', queue.wait) + call('LLEN', queue.paused),
  call('LLEN', queue.active),
  call('ZCARD', queue.prioritized),
  call('ZCARD', queue.delayed),
  call('ZCARD', queue['waiting-children']),
  call('ZCARD', queue.completed),
  call('ZCARD', queue.failed),
}
