--[[
  is_finished - whether a job is done, and with what.
  Why a script: the state and the value that belongs to it must be of one moment.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id
  RETURNS  {0} not yet, {1, returnvalue} completed, {2, failedReason} failed; or a negative code:
           {-1} the job is missing
]]
local queue = queue_at(ARGV[1])
local key = queue.prefix .. ARGV[2]
if call('EXISTS', key) == 0 then return { -1 } end
if call('ZSCORE', queue.completed, ARGV[2]) then
  return { 1, call('HGET', key, 'returnvalue') }
end
if call('ZSCORE', queue.failed, ARGV[2]) then
  return { 2, call('HGET', key, 'failedReason') }
end
return { 0 }
