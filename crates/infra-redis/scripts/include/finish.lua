-- Removes finished jobs beyond what their kind may keep: those that are too old first, then all
-- but the newest `count`.
local function trim_finished(queue, finished, now, job)
  local function drop(ids)
    for _, id in ipairs(ids) do drop_job(queue, id) end
  end
  if job.keep_age >= 0 then
    local oldest = now - job.keep_age * 1000
    local ids = redis.call('ZREVRANGEBYSCORE', finished, oldest, '-inf',
      'LIMIT', 0, job.keep_limit)
    if #ids > 0 then
      drop(ids)
      for from = 1, #ids, 5000 do
        redis.call('ZREM', finished, unpack(ids, from, math.min(from + 4999, #ids)))
      end
    end
  end
  if job.keep_count > 0 then
    local ids = redis.call('ZREVRANGE', finished, job.keep_count, -1)
    if #ids > 0 then
      drop(ids)
      redis.call('ZREMRANGEBYRANK', finished, 0, -(job.keep_count + 1))
    end
  end
end

-- Ends a job for good, as `completed` or as `failed`.
local function finish(queue, settings, now, job)
  local code = let_go(queue, job)
  if code < 0 then return code end
  local key = queue.prefix .. job.id
  local has_failed = job.kind == 'failed'
  local attempts_made = redis.call('HINCRBY', key, 'atm', 1)
  local value_field = has_failed and 'failedReason' or 'returnvalue'
  if job.keep_count == 0 then
    drop_job(queue, job.id)
  else
    local finished = has_failed and queue.failed or queue.completed
    redis.call('ZADD', finished, now, job.id)
    if has_failed then
      redis.call('HSET', key, value_field, job.value, 'stacktrace', job.stacktrace,
        'finishedOn', now)
      redis.call('HDEL', key, 'defa')
    else
      redis.call('HSET', key, value_field, job.value, 'finishedOn', now)
    end
    trim_finished(queue, finished, now, job)
  end
  -- Trimming with this entry spares a call of its own for it.
  redis.call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', job.kind, 'jobId', job.id, value_field, job.value, 'prev', 'active')
  if has_failed and attempts_made >= job.attempts then
    redis.call('XADD', queue.events, '*', 'event', 'retries-exhausted',
      'jobId', job.id, 'attemptsMade', attempts_made)
  end
  return 0
end
