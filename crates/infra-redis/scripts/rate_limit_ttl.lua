--[[
  rate_limit_ttl - how long no job may start because of the rate limit.
  Why a script: the count and the end of its window must be of one moment.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 jobs a window, or 0: the queue's own limit
  RETURNS  the milliseconds, or 0 if a job may start
]]
local queue = queue_at(ARGV[1])
local max = tonumber(ARGV[2])
if max == 0 then max = tonumber(call('HGET', queue.meta, 'max') or 0) or 0 end
local ttl = call('PTTL', queue.limiter)
if max > 0 then
  if tonumber(call('GET', queue.limiter) or 0) < max then return 0 end
  if ttl == 0 then call('DEL', queue.limiter) end
end
return math.max(ttl, 0)
