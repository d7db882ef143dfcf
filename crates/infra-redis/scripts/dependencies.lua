--[[
  dependencies - how a job's children stand.
  Why a script: a child that finishes while one looks would be found twice or not at all.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id
  RETURNS  {completed as {key, returnvalue, ...}, not done as {key, ...},
            failed without effect as {key, failedReason, ...}, failed as {key, ...}}
]]
local key = queue_at(ARGV[1]).prefix .. ARGV[2]
return {
  call('HGETALL', key .. ':processed'),
  call('SMEMBERS', key .. ':dependencies'),
  call('HGETALL', key .. ':failed'),
  call('ZRANGE', key .. ':unsuccessful', 0, -1),
}
