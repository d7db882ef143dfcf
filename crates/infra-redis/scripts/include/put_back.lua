-- The ways in which a job that did not finish goes back to waiting.

-- Notes why an attempt failed, and what else changes with that.
local function note_failure(key, job, attempts_made, ...)
  call('HSET', key, 'failedReason', job.value, 'stacktrace', job.stacktrace,
    'atm', (tonumber(attempts_made) or 0) + 1, ...)
  if job.telemetry ~= '' then call('HSET', key, 'tm', job.telemetry) end
end

local function wake_unless_blocked(queue, settings)
  if not is_blocked(queue, settings) then put_off.wakes = true end
end

local function tell_waiting(queue, settings, id)
  call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', 'waiting', 'jobId', id, 'prev', 'active')
end

-- Another attempt at once, at the back of the queue.
local function retry_now(queue, settings, job)
  local code, fields = let_go(queue, job, 'atm', 'priority')
  if code < 0 then return code end
  note_failure(queue.prefix .. job.id, job, fields[2])
  local priority = tonumber(fields[3]) or 0
  if priority == 0 and job.lifo then
    call('RPUSH', queue.wait, job.id)
  else
    push_ready(queue, job.id, priority)
  end
  wake_unless_blocked(queue, settings)
  tell_waiting(queue, settings, job.id)
  return 0
end

-- To the front of those that are ready.
local function push_first(queue, settings, id, priority)
  priority = tonumber(priority) or 0
  if priority > 0 then
    call('ZADD', queue.prioritized, priority * 4294967296, id)
  else
    call('RPUSH', queue.wait, id)
  end
  wake_unless_blocked(queue, settings)
  tell_waiting(queue, settings, id)
  return 0
end

-- Another attempt after a while. One that is cancelled need not wait for it: whoever takes it next
-- fails it.
local function retry_later(queue, settings, now, job)
  local code, fields = let_go(queue, job, 'atm', 'defa', 'priority')
  if code < 0 then return code end
  if is_cancelled(fields[3]) then
    note_failure(queue.prefix .. job.id, job, fields[2])
    return push_first(queue, settings, job.id, fields[4])
  end
  note_failure(queue.prefix .. job.id, job, fields[2], 'delay', job.delay)
  push_delayed(queue, settings, job.id, now + tonumber(job.delay))
  put_off.tells_due = true
  return 0
end

-- The same attempt after a while.
local function put_off_job(queue, settings, now, job)
  local code, fields = let_go(queue, job, 'defa', 'priority')
  if code < 0 then return code end
  if is_cancelled(fields[2]) then return push_first(queue, settings, job.id, fields[3]) end
  call('HSET', queue.prefix .. job.id, 'delay', job.delay)
  push_delayed(queue, settings, job.id, now + tonumber(job.delay))
  put_off.tells_due = true
  return 0
end

-- Back to the front, as if it had not been taken: the worker stops and can't finish it.
local function hand_back(queue, settings, job)
  local code, fields = let_go(queue, job, 'priority')
  if code < 0 then return code end
  return push_first(queue, settings, job.id, fields[2])
end

-- Waits for the children it has; it is performed again once the last of them has ended. One whose
-- children have all ended by now is performed again at once.
local function wait_for_children(queue, settings, now, job)
  local key = queue.prefix .. job.id
  if call('EXISTS', key) == 0 then return -1 end
  if call('EXISTS', key .. ':unsuccessful') == 1 then return -9 end
  if call('SCARD', key .. ':dependencies') == 0 or is_cancelled(call('HGET', key, 'defa')) then
    return hand_back(queue, settings, job)
  end
  local code = let_go(queue, job)
  if code < 0 then return code end
  call('ZADD', queue['waiting-children'], now, job.id)
  call('XADD', queue.events, '*', 'event', 'waiting-children', 'jobId', job.id,
    'prev', 'active')
  return 0
end

-- Back to the front, and no job starts before the time is over.
local function hit_rate_limit(queue, settings, job)
  local code = hand_back(queue, settings, job)
  if code < 0 then return code end
  call('SET', queue.limiter, '9007199254740991', 'PX', job.delay)
  return 0
end
