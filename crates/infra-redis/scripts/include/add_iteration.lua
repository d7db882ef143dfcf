-- The slot of an interval after `previous`. Slots that have passed are skipped; the alignment is
-- kept.
local function slot_after(previous, now, every, offset)
  local slot = previous + every
  if slot >= now then return slot end
  slot = math.floor(now / every) * every + offset
  return slot <= now and slot + every or slot
end

-- Stores and enqueues the job of an iteration, and notes when it is due.
--
-- `job.opts` is the options' JSON up to the time at the end of the job's id, where it is cut because
-- only the script knows that time. Returns the job's id and its delay.
local function add_iteration(queue, settings, scheduler, now, millis, job)
  local id, at = iteration_id(scheduler, millis), string.format('%.0f', millis)
  local delay = string.format('%.0f', math.max(0, millis - now))
  local opts = job.opts .. at .. '","delay":' .. delay
  if job.is_cron then opts = opts .. ',"prevMillis":' .. at end
  call('ZADD', queue['repeat'], at, scheduler)
  call('INCR', queue.id)
  store_and_enqueue(queue, settings, id, {
    name = job.name,
    data = job.data,
    opts = opts .. '}',
    timestamp = string.format('%.0f', now),
    delay = delay,
    priority = job.priority,
    lifo = job.lifo,
    scheduler = scheduler,
  })
  return id, delay
end
