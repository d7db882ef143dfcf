--[[
  dependency_counts - how many children of a job stand how.
  Why a script: a child that finishes while one looks would be counted twice or not at all.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id
  RETURNS  completed, not done, failed without effect, failed
]]
local key = queue_at(ARGV[1]).prefix .. ARGV[2]
return {
  call('HLEN', key .. ':processed'),
  call('SCARD', key .. ':dependencies'),
  call('HLEN', key .. ':failed'),
  call('ZCARD', key .. ':unsuccessful'),
}
