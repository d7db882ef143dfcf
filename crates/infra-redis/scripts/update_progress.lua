--[[
  update_progress - note how far a job is, and tell whoever listens.
  Why a script: a job that is gone must not come back as a hash with this one field.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id   3 progress as JSON
  RETURNS  0, or a negative code: -1 the job is missing
]]
local queue = queue_at(ARGV[1])
local key = queue.prefix .. ARGV[2]
if call('EXISTS', key) == 0 then return -1 end
call('HSET', key, 'progress', ARGV[3])
call('XADD', queue.events, 'MAXLEN', '~', read_settings(queue).max_events, '*',
  'event', 'progress', 'jobId', ARGV[2], 'data', ARGV[3])
return 0
