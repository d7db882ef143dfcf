--[[
  metrics - how many jobs finished, in all and in each of the last minutes.
  Why a script: the counter and its points must be of one moment.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 state: completed | failed   3 first point   4 last point (-1 the oldest)
  RETURNS  {count, prevTS, prevCount, points, how many points there are}
]]
local queue = queue_at(ARGV[1])
local key = queue.prefix .. 'metrics:' .. ARGV[2]
local fields = call('HMGET', key, 'count', 'prevTS', 'prevCount')
return {
  fields[1] or 0,
  fields[2] or 0,
  fields[3] or 0,
  call('LRANGE', key .. ':data', ARGV[3], ARGV[4]),
  call('LLEN', key .. ':data'),
}
