--[[
  counts - how many jobs are in each state, at one moment.
  Why a script: counts read one after another would show a moving job twice or not at all.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix
  RETURNS  waiting, active, prioritized, delayed, waiting-children, completed, failed
]]
local queue = queue_at(ARGV[1])
return {
  redis.call('LLEN', queue.wait) + redis.call('LLEN', queue.paused),
  redis.call('LLEN', queue.active),
  redis.call('ZCARD', queue.prioritized),
  redis.call('ZCARD', queue.delayed),
  redis.call('ZCARD', queue['waiting-children']),
  redis.call('ZCARD', queue.completed),
  redis.call('ZCARD', queue.failed),
}
