--[[
  recover_stalled - give jobs back whose worker is gone.
  Why a script: two workers that look at once must not both put a job back.
  A job is stalled if it was active at the last check, was not renewed since, and has no lock.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 now (unix ms)   3 check interval (ms)   4 stalls allowed
  RETURNS  the ids put back; nothing if another worker checked within the interval
]]
local queue = queue_at(ARGV[1])
if call('SET', queue['stalled-check'], ARGV[2], 'PX', ARGV[3], 'NX') == false then
  return {}
end
local settings = read_settings(queue)
call('XTRIM', queue.events, 'MAXLEN', '~', settings.max_events)

-- A job of an existing scheduler is never failed for stalling, or the series would end with it.
local function is_of_scheduler(key)
  local scheduler = call('HGET', key, 'rjk')
  return scheduler and (call('EXISTS', queue.prefix .. 'repeat:' .. scheduler) == 1
    or call('ZSCORE', queue['repeat'], scheduler))
end

local recovered = {}
local suspects = call('SMEMBERS', queue.stalled)
if #suspects > 0 then call('DEL', queue.stalled) end
for _, id in ipairs(suspects) do
  local key = queue.prefix .. id
  if call('EXISTS', key .. ':lock') == 0 and call('LREM', queue.active, 1, id) > 0
    -- An id whose job is gone is dropped: there is nothing to put back.
    and call('EXISTS', key) == 1 then
    local stalls = call('HINCRBY', key, 'stc', 1)
    if stalls > tonumber(ARGV[4]) and not is_of_scheduler(key)
      and not is_cancelled(call('HGET', key, 'defa')) then
      call('HSET', key, 'defa', 'job stalled more than allowable limit')
    end
    call('RPUSH', queue.wait, id)
    call('XADD', queue.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
    call('XADD', queue.events, '*', 'event', 'stalled', 'jobId', id)
    recovered[#recovered + 1] = id
  end
end
if #recovered > 0 and not is_blocked(queue, settings) then wake(queue) end

local active = call('LRANGE', queue.active, 0, -1)
for from = 1, #active, 5000 do
  call('SADD', queue.stalled, unpack(active, from, math.min(from + 4999, #active)))
end
return recovered
