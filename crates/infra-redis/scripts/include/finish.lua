-- Removes finished jobs beyond what their kind may keep: those that are too old first, then all
-- but the newest `count`. A rule is `count`, or `count:age:limit` with the age in seconds and how
-- many old ones a finishing job removes at most; -1 stands for no limit.
local function trim_finished(queue, finished, now, rule, added)
  local count, age, limit = string.match(rule, '^(-?%d+):(-?%d+):(%d+)$')
  count = tonumber(count or rule)
  local function drop(ids)
    for _, id in ipairs(ids) do
      detach(queue, queue.prefix .. id, false)
      drop_job(queue, id)
    end
  end
  if age and tonumber(age) >= 0 then
    local oldest = now - tonumber(age) * 1000
    local ids = redis.call('ZREVRANGEBYSCORE', finished, oldest, '-inf',
      'LIMIT', 0, tonumber(limit) * added)
    if #ids > 0 then
      drop(ids)
      for from = 1, #ids, 5000 do
        redis.call('ZREM', finished, unpack(ids, from, math.min(from + 4999, #ids)))
      end
    end
  end
  if count > 0 then
    local ids = redis.call('ZREVRANGE', finished, count, -1)
    if #ids > 0 then
      drop(ids)
      redis.call('ZREMRANGEBYRANK', finished, 0, -(count + 1))
    end
  end
end

function put_off.trim(queue, kept)
  local finished = queue[kept.kind]
  redis.call('ZADD', finished, unpack(kept.members))
  if kept.rule ~= '-1' then
    trim_finished(queue, finished, kept.now, kept.rule, #kept.members / 2)
  end
end

-- Counts finished jobs, and closes the points of the minutes that have passed.
local function count_finished(queue, kind, added, now, max_points)
  local key = queue.prefix .. 'metrics:' .. kind
  local count = redis.call('HINCRBY', key, 'count', added) - added
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

-- What a job's end means to those it was deduplicated with, and to its parent. Returns whether it
-- has one.
local function tell_relatives(queue, settings, now, job, fields)
  local deduplication_id, parent_key, parent_json = fields[3], fields[4], fields[5]
  if not (deduplication_id or parent_key or parent_json) then return false end
  carry_out(queue)
  if deduplication_id then
    finish_deduplication(queue, job.id, deduplication_id)
    -- What was held back may be a child of another job of this call.
    put_off.may_have_children = true
    requeue_deduplicated(queue, settings, now, deduplication_id)
  end
  local parent_queue, parent_id, policy = parent_of(parent_key, parent_json)
  if not parent_queue then return false end
  local key = queue.prefix .. job.id
  if job.kind == 'failed' then
    child_failed(parent_queue, parent_id, policy, key, job.value, now)
  else
    child_completed(parent_queue, parent_id, key, job.value, now)
  end
  return true
end

-- Ends a job for good, as `completed` or as `failed`.
local function finish(queue, settings, now, job)
  local key = queue.prefix .. job.id
  local has_failed = job.kind == 'failed'
  if put_off.may_have_children and not has_failed then
    local code = children_allow(key)
    if code < 0 then
      -- The job's own state outranks its children's, as it does in other clients.
      if redis.call('EXISTS', key) == 0 then return -1 end
      return code
    end
  end
  local code, fields = let_go(queue, job, 'atm', 'deid', 'parentKey', 'parent', 'defa')
  if code < 0 then return code end

  local has_parent = tell_relatives(queue, settings, now, job, fields)
  local attempts_made = (tonumber(fields[2]) or 0) + 1
  local value_field = has_failed and 'failedReason' or 'returnvalue'
  if job.keep == '0' then
    if has_parent then detach(queue, key, false) end
    if put_off.may_have_children then
      drop_job(queue, job.id)
    else
      for _, suffix in ipairs(JOB_KEYS) do
        put_off.drops[#put_off.drops + 1] = key .. suffix
      end
    end
  else
    if has_failed then
      redis.call('HSET', key, 'atm', attempts_made, value_field, job.value,
        'stacktrace', job.stacktrace, 'finishedOn', now)
      if job.telemetry ~= '' then redis.call('HSET', key, 'tm', job.telemetry) end
      if fields[6] then redis.call('HDEL', key, 'defa') end
    else
      redis.call('HSET', key, 'atm', attempts_made, value_field, job.value, 'finishedOn', now)
    end
    put_off_finished(queue, now, job)
  end
  -- Trimming with this entry spares a call of its own for it.
  redis.call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', job.kind, 'jobId', job.id, value_field, job.value, 'prev', 'active')
  if has_failed and attempts_made >= job.attempts then
    redis.call('XADD', queue.events, '*', 'event', 'retries-exhausted',
      'jobId', job.id, 'attemptsMade', attempts_made)
  end
  put_off.counts[job.kind] = (put_off.counts[job.kind] or 0) + 1
  return 0
end
