--[[
  jobs_page - some jobs of one state, with their fields.
  Why a script: an id read in one step and its job in another are often of two moments.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 1 = those first that were there first, else last
        3 how many to pass over   4 how many at most; then the keys that make up the state, those
        first that run first
  RETURNS  {how many ids there were, jobs as {id, {field, value, ...}}}; an id without a job is left
           out
]]
local queue = queue_at(ARGV[1])
local is_ascending = ARGV[2] == '1'
local skip, left = tonumber(ARGV[3]), tonumber(ARGV[4])

local function slice(name)
  local is_list = name == 'wait' or name == 'paused' or name == 'active'
  local count = call(is_list and 'LLEN' or 'ZCARD', queue[name])
  local from, to = skip, math.min(skip + left, count) - 1
  skip = math.max(skip - count, 0)
  if from > to then return {} end
  local ids
  if not is_list then
    ids = call(is_ascending and 'ZRANGE' or 'ZREVRANGE', queue[name], from, to)
  elseif is_ascending then
    -- The tail of a list was there first.
    local tail = call('LRANGE', queue[name], -(to + 1), -(from + 1))
    ids = {}
    for n = #tail, 1, -1 do ids[#ids + 1] = tail[n] end
  else
    ids = call('LRANGE', queue[name], from, to)
  end
  left = left - #ids
  return ids
end

local found, jobs = 0, {}
local first, last, step = 5, #ARGV, 1
if not is_ascending then first, last, step = #ARGV, 5, -1 end
for at = first, last, step do
  for _, id in ipairs(slice(ARGV[at])) do
    found = found + 1
    local fields = call('HGETALL', queue.prefix .. id)
    if #fields > 0 then jobs[#jobs + 1] = { id, fields } end
  end
end
return { found, jobs }
