-- Stores a job with all that may belong to it, and announces it. It is in no list yet.
local function store_job(queue, id, job)
  local more = {}
  local function set(name, value)
    if value and value ~= '' then
      more[#more + 1] = name
      more[#more + 1] = value
    end
  end
  set('parentKey', job.parent_key)
  set('parent', job.parent)
  set('rjk', job.scheduler)
  set('deid', job.deduplication_id)
  store_fields(queue, id, job.name, job.data, job.opts, job.timestamp, job.delay, job.priority,
    unpack(more))
end

-- Makes a stored job ready, or delayed. Wakes nobody: that is done once for all jobs of a call.
-- `push` puts it behind those that are ready: push_ready, or what does so later in the same call.
-- Returns whether the job is ready.
local function enqueue(queue, settings, id, job, push)
  local delay, priority = tonumber(job.delay), tonumber(job.priority)
  if delay > 0 then
    push_delayed(queue, settings, id, tonumber(job.timestamp) + delay)
    return false
  end
  if priority == 0 and job.lifo then
    call('RPUSH', queue.wait, id)
  else
    push(queue, id, priority)
  end
  call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', 'waiting', 'jobId', id)
  return true
end

-- Both, and wakes whoever waits for it.
local function store_and_enqueue(queue, settings, id, job)
  store_job(queue, id, job)
  if enqueue(queue, settings, id, job, push_ready) then
    if not is_blocked(queue, settings) then wake(queue) end
  else
    wake_at_next_due(queue)
  end
end
