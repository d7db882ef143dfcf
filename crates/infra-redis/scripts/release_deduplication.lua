--[[
  release_deduplication - let other jobs be added under the deduplication id that a job holds.
  Why a script: an id that another job holds by now must stay taken.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id of the job
  RETURNS  1 if the job held it, else 0
]]
local queue = queue_at(ARGV[1])
local deduplication_id = call('HGET', queue.prefix .. ARGV[2], 'deid')
if not deduplication_id then return 0 end
local owner = queue.prefix .. 'de:' .. deduplication_id
if call('GET', owner) ~= ARGV[2] then return 0 end
return call('DEL', owner)
