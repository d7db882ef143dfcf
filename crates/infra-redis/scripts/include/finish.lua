-- Removes finished jobs beyond what their kind may keep: those that are too old first, then all
-- but the newest `count`.
local function trim_finished(queue, finished, now, job)
  local function drop(ids)
    for _, id in ipairs(ids) do
      detach(queue, queue.prefix .. id, false)
      drop_job(queue, id)
    end
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

-- Counts a finished job, and closes the points of the minutes that have passed.
local function count_finished(queue, kind, now, max_points)
  local key = queue.prefix .. 'metrics:' .. kind
  local count = redis.call('HINCRBY', key, 'count', 1) - 1
  local previous = redis.call('HMGET', key, 'prevTS', 'prevCount')
  if not previous[1] then
    redis.call('HSET', key, 'prevTS', now, 'prevCount', 0)
    return
  end
  local minutes = math.floor(now / 60000) - math.floor(tonumber(previous[1]) / 60000)
  minutes = math.min(minutes, max_points)
  if minutes <= 0 then return end
  local data = key .. ':data'
  redis.call('LPUSH', data, count - tonumber(previous[2] or 0))
  for _ = 2, minutes do redis.call('LPUSH', data, 0) end
  redis.call('LTRIM', data, 0, max_points - 1)
  redis.call('HSET', key, 'prevCount', count, 'prevTS', now)
end

-- Whether a job may complete: -4 if children are at work, -9 if one has failed.
local function children_allow(key)
  if redis.call('EXISTS', key .. ':dependencies', key .. ':unsuccessful') == 0 then return 0 end
  if redis.call('EXISTS', key .. ':dependencies') == 1 then return -4 end
  return -9
end

-- Ends a job for good, as `completed` or as `failed`.
local function finish(queue, settings, now, job, max_points)
  local key = queue.prefix .. job.id
  local has_failed = job.kind == 'failed'
  if not has_failed then
    local code = children_allow(key)
    if code < 0 then
      -- The job's own state outranks its children's, as it does in other clients.
      if redis.call('EXISTS', key) == 0 then return -1 end
      return code
    end
  end
  local code = let_go(queue, job)
  if code < 0 then return code end

  local fields = redis.call('HMGET', key, 'parentKey', 'parent', 'deid', 'defa')
  if fields[3] then
    finish_deduplication(queue, job.id, fields[3])
    requeue_deduplicated(queue, settings, now, fields[3])
  end
  local parent_queue, parent_id, policy = parent_of(fields[1], fields[2])
  if parent_queue then
    if has_failed then
      child_failed(parent_queue, parent_id, policy, key, job.value, now)
    else
      child_completed(parent_queue, parent_id, key, job.value, now)
    end
  end

  local attempts_made = redis.call('HINCRBY', key, 'atm', 1)
  local value_field = has_failed and 'failedReason' or 'returnvalue'
  if job.keep_count == 0 then
    if parent_queue then detach(queue, key, false) end
    drop_job(queue, job.id)
  else
    local finished = has_failed and queue.failed or queue.completed
    redis.call('ZADD', finished, now, job.id)
    if has_failed then
      redis.call('HSET', key, value_field, job.value, 'stacktrace', job.stacktrace,
        'finishedOn', now)
      if fields[4] then redis.call('HDEL', key, 'defa') end
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
  if max_points then count_finished(queue, job.kind, now, max_points) end
  return 0
end
