-- The queue's settings, read once a call; `fields` are given if they were. `blocked` means that no job
-- may start now: the queue is paused, or as many jobs are active as its global concurrency allows.
local function read_settings(queue, fields)
  fields = fields or call('HMGET', queue.meta,
    'paused', 'concurrency', 'max', 'duration', 'opts.maxLenEvents')
  local settings = {
    paused = fields[1] and true or false,
    concurrency = fields[2] and tonumber(fields[2]) or nil,
    max = fields[3] and tonumber(fields[3]) or nil,
    duration = fields[4] and tonumber(fields[4]) or nil,
    max_events = fields[5],
  }
  if not settings.max_events then
    -- Other clients trim by this field and expect to find it.
    settings.max_events = '10000'
    call('HSET', queue.meta, 'opts.maxLenEvents', settings.max_events)
  end
  return settings
end

local function is_blocked(queue, settings)
  if settings.paused then return true end
  return settings.concurrency
    and call('LLEN', queue.active) >= settings.concurrency
end
