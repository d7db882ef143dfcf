--[[
  upsert_scheduler - set a job scheduler up, or change it, and add the job of its next iteration.
  Why a script: a scheduler and its pending job must change in one step, or a crash between them
  leaves a series that has ended or runs twice.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 scheduler id   3 now (unix ms)
        4 next time of a cron pattern (unix ms) or ''
        5 interval (ms) or ''   6 start (unix ms) or ''   7 offset (ms) or ''
        8 the job's opts, up to the time in its id   9 its name   10 its data
        11 its priority   12 its flags: l = lifo
        then field and value of each of the scheduler's fields
  RETURNS  {job id, delay}; or a negative code: -10 a job with that id exists, -11 so do jobs in
           the slots that follow
]]
local queue, scheduler, now = queue_at(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local every, start, offset = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local settings = read_settings(queue)
local key = scheduler_key(queue, scheduler)
local old = call('HMGET', key, 'ic', 'every', 'offset')
local old_offset = tonumber(old[3])

-- The job of the iteration that was next makes way, unless a worker has it.
local previous = next_iteration(queue, scheduler)
local replaced = previous and iteration_id(scheduler, previous)
local function is_waiting(id)
  return call('EXISTS', queue.prefix .. id) == 1
    and (call('ZSCORE', queue.delayed, id) or call('ZSCORE', queue.prioritized, id)
      or call('LPOS', queue.wait, id) or call('LPOS', queue.paused, id))
end
if replaced and not is_waiting(replaced) then replaced = nil end

local function first_slot()
  if start then return math.max(start, now) end
  if not offset or offset == 0 then return now end
  local slot = math.floor(now / every) * every + offset
  return slot <= now and slot + every or slot
end

local millis = tonumber(ARGV[4])
if every then
  if not previous or tonumber(old[2]) ~= every then
    millis = first_slot()
  elseif replaced then
    millis = previous
  else
    millis = slot_after(previous, now, every, offset or old_offset or 0)
  end
end

local function is_taken(time)
  local id = iteration_id(scheduler, time)
  return id ~= replaced and call('EXISTS', queue.prefix .. id) == 1
end
if every then
  local tries = 0
  while is_taken(millis) do
    tries = tries + 1
    if tries > 32 then return -11 end
    millis = millis + every
  end
elseif is_taken(millis) then
  return -10
end

if replaced then
  if call('ZREM', queue.delayed, replaced) == 0
    and call('ZREM', queue.prioritized, replaced) == 0
    and call('LREM', queue.wait, 1, replaced) == 0 then
    call('LREM', queue.paused, 1, replaced)
  end
  release_deduplication(queue, replaced, call('HGET', queue.prefix .. replaced, 'deid'))
  drop_job(queue, replaced)
end

if not offset or offset == 0 then
  offset = old_offset or (every and millis - math.floor(millis / every) * every or 0)
end
call('DEL', key)
call('HSET', key, 'ic', old[1] or '1', 'offset', string.format('%.0f', offset),
  unpack(ARGV, 13))
return { add_iteration(queue, settings, scheduler, now, millis, {
  name = ARGV[9],
  data = ARGV[10],
  opts = ARGV[8],
  priority = ARGV[11],
  lifo = ARGV[12] == 'l',
  is_cron = not every,
}) }
