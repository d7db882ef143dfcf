--[[
  clean - remove the jobs of one state that are older than a moment.
  Why a script: a job and its id must go in one step, and an active one only while nobody holds it.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 state: completed | failed | delayed | prioritized | wait | paused | active
        3 oldest moment to keep (unix ms)   4 how many jobs earlier calls kept
        5 how many to look at   6 how many may be removed yet (-1 all)
        7 how many earlier calls removed   8 1 = no other state follows
  RETURNS  {how many are kept by now, or -1 if the state is done, or -2 if all is done and was
            announced, ids removed}
]]
local queue = queue_at(ARGV[1])
local state, cutoff = ARGV[2], tonumber(ARGV[3])
local is_finished = state == 'completed' or state == 'failed'
local time_fields = { 'finishedOn', 'processedOn', 'timestamp' }
if state == 'delayed' then
  time_fields = { 'processedOn', 'timestamp' }
elseif state == 'prioritized' then
  time_fields = { 'timestamp' }
end

-- An id whose job is gone has no time, and is old.
local function is_young(key)
  local values = call('HMGET', key, unpack(time_fields))
  for n = 1, #time_fields do
    if values[n] then return (tonumber(values[n]) or 0) > cutoff end
  end
  return false
end

local window = {
  kept = tonumber(ARGV[4]),
  look = tonumber(ARGV[5]),
  most = tonumber(ARGV[6]),
  highest = is_finished and ARGV[3] or nil,
}
local ids, kept, is_end = sweep(queue, state, window, function(id)
  local key = queue.prefix .. id
  if is_pending_of_scheduler(queue, id) then return false end
  if state == 'active' and call('EXISTS', key .. ':lock') == 1 then return false end
  return is_finished or not is_young(key)
end)
discard_all(queue, state, ids)
if #ids == window.most or (is_end and ARGV[8] == '1') then
  call('XADD', queue.events, '*', 'event', 'cleaned', 'count', #ids + tonumber(ARGV[7]))
  return { -2, ids }
end
return { is_end and -1 or kept, ids }
