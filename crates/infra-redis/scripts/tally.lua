--[[
  tally - count once more, in a window that begins with the first count.
  Why a script: a count whose window has no end would stand for ever.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 name of the count   3 the window in milliseconds
  RETURNS  the count, and the milliseconds until the window ends
]]
local key = ARGV[1] .. ARGV[2]
local count = redis.call('INCR', key)
local ttl = redis.call('PTTL', key)
if ttl < 0 then
  ttl = tonumber(ARGV[3])
  redis.call('PEXPIRE', key, ttl)
end
return {count, ttl}
