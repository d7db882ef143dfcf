--[[
  continue_scheduler - add the job of a scheduler's next iteration.
  Why a script: of all workers that see an iteration begin, or find it lost, only one may add the
  next one.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 scheduler id   3 now (unix ms)
        4 id of the job that should be the latest iteration's; nothing is added if it is not
        5 why: next = it begins; lost = it is gone, and the next one is added;
          missing = it is gone before its time, and is added again
        6 next time of a cron pattern (unix ms) or ''   7 interval (ms) or ''
        8 the job's opts, up to the time in its id   9 its priority   10 its flags: l = lifo
        11 name and 12 data for a scheduler of 5.x that holds none
  RETURNS  the job's id, or '' if nothing was added
]]
local queue, scheduler, now = queue_at(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local every = tonumber(ARGV[7])
local previous = next_iteration(queue, scheduler)
if not previous or iteration_id(scheduler, previous) ~= ARGV[4] then return '' end
if ARGV[5] ~= 'next' and is_pending(queue, ARGV[4]) then return '' end

local key = scheduler_key(queue, scheduler)
local fields = call('HMGET', key, 'name', 'data', 'ic', 'offset')
local millis = previous
if ARGV[5] ~= 'missing' then
  millis = every and slot_after(previous, now, every, tonumber(fields[4]) or 0)
    or tonumber(ARGV[6])
end
local settings = read_settings(queue)
local id = iteration_id(scheduler, millis)
if call('EXISTS', queue.prefix .. id) == 1 then
  call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', 'duplicated', 'jobId', id)
  return ''
end
-- Schedulers of 5.x count nothing, and their data stands in their jobs alone.
local is_legacy = not fields[3]
if ARGV[5] ~= 'missing' and not is_legacy then call('HINCRBY', key, 'ic', 1) end
return (add_iteration(queue, settings, scheduler, now, millis, {
  name = fields[1] or ARGV[11],
  data = fields[2] or is_legacy and ARGV[12] or '{}',
  opts = ARGV[8],
  priority = ARGV[9],
  lifo = ARGV[10] == 'l',
  is_cron = not every,
}))
