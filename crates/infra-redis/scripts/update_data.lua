--[[
  update_data - give a job other data.
  Why a script: a job that is gone must not come back as a hash with this one field.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id   3 data as JSON
  RETURNS  0, or a negative code: -1 the job is missing
]]
local key = queue_at(ARGV[1]).prefix .. ARGV[2]
if call('EXISTS', key) == 0 then return -1 end
call('HSET', key, 'data', ARGV[3])
return 0
