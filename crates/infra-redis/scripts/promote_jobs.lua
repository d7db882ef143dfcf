--[[
  promote_jobs - let delayed jobs run now, those first that are due first.
  Why a script: each job must be made ready once, although workers do the same with due ones.
  As other clients do, it puts prioritized jobs in `wait` too and keeps the field `delay`.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 how many jobs at most
  RETURNS  {how many were looked at, how many were promoted}
]]
local queue = queue_at(ARGV[1])
local ids = call('ZRANGE', queue.delayed, 0, tonumber(ARGV[2]) - 1)
if #ids == 0 then return { 0, 0 } end
local settings = read_settings(queue)
call('ZREM', queue.delayed, unpack(ids))
local promoted = 0
for _, id in ipairs(ids) do
  -- An id without a job is dropped.
  if call('EXISTS', queue.prefix .. id) == 1 then
    call('LPUSH', queue.wait, id)
    call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
      'event', 'waiting', 'jobId', id, 'prev', 'delayed')
    promoted = promoted + 1
  end
end
if promoted > 0 and not is_blocked(queue, settings) then wake(queue) end
return { #ids, promoted }
