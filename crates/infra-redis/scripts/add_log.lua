--[[
  add_log - add a line to a job's log, and drop the oldest beyond what is kept.
  Why a script: a job that is gone must leave no log.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id   3 line   4 how many lines to keep (0 all)
  RETURNS  how many lines there are, or a negative code: -1 the job is missing
]]
local key = queue_at(ARGV[1]).prefix .. ARGV[2]
local keep = tonumber(ARGV[4])
if call('EXISTS', key) == 0 then return -1 end
local count = call('RPUSH', key .. ':logs', ARGV[3])
if keep > 0 then
  call('LTRIM', key .. ':logs', -keep, -1)
  return math.min(keep, count)
end
return count
