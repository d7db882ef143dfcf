--[[
  remove_child_dependency - let a job be nobody's child any more.
  Why a script: the parent runs if it waited for this child alone, and exactly once.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id of the child
  RETURNS  {0, ''} if the parent waited for it, {1, ''} if there is no such relation; or a negative
           code: {-1, ''} the job is missing, {-5, parent's key} its parent is
]]
local queue = queue_at(ARGV[1])
local key = queue.prefix .. ARGV[2]
if call('EXISTS', key) == 0 then return { -1, '' } end
local parent_key = call('HGET', key, 'parentKey')
if not parent_key then return { 1, '' } end
if call('EXISTS', parent_key) == 0 then return { -5, parent_key } end
if call('SISMEMBER', parent_key .. ':dependencies', key) == 0 then return { 1, '' } end
detach(queue, key, false)
call('HDEL', key, 'parentKey', 'parent')
return { 0, '' }
