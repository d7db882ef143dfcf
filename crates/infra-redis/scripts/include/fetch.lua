-- The fields of a job that a worker needs, in the order in which the worker reads them.
local JOB_FIELDS = { 'name', 'data', 'opts', 'timestamp', 'ats', 'atm', 'stacktrace', 'defa', 'rjk' }
local ATTEMPTS_STARTED, DEFERRED_FAILURE = 5, 8

-- How many jobs may start within the rate limit; 0 and the milliseconds to wait if none.
local function within_rate_limit(queue, max, wanted)
  local used = tonumber(redis.call('GET', queue.limiter) or 0)
  if used >= max then
    local ttl = redis.call('PTTL', queue.limiter)
    if ttl > 0 then return 0, ttl end
    redis.call('DEL', queue.limiter)
    used = 0
  end
  return math.min(wanted, max - used), 0
end

-- Up to `wanted` ids that are ready: waiting ones first, then the lowest priority numbers.
local function pop_ready(queue, wanted)
  local ids = redis.call('RPOP', queue.wait, wanted) or {}
  if #ids < wanted then
    local popped = redis.call('ZPOPMIN', queue.prioritized, wanted - #ids)
    for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
  end
  return ids
end

-- A job as the worker reads it: its fields, its id and the token that locks it.
local function described(queue, id, token)
  local job = redis.call('HMGET', queue.prefix .. id, unpack(JOB_FIELDS))
  job[#JOB_FIELDS + 1] = id
  job[#JOB_FIELDS + 2] = token
  return job
end

-- Locks a job for a worker and notes that it started.
local function start(queue, now, worker, id, token, attempts_started)
  local key = queue.prefix .. id
  redis.call('SET', key .. ':lock', token, 'PX', worker.lock_duration)
  redis.call('XADD', queue.events, '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
  local started = (tonumber(attempts_started) or 0) + 1
  if worker.name ~= '' then
    redis.call('HSET', key, 'processedOn', now, 'ats', started, 'pb', worker.name)
  else
    redis.call('HSET', key, 'processedOn', now, 'ats', started)
  end
end

-- The jobs that a call gave out whose answer was lost, and the tokens that it left over. The jobs
-- are active and locked, and nobody works them. Their locks start anew, because the worker counts
-- their age from this call.
local function given_out(queue, worker, tokens)
  local is_ours = {}
  for _, token in ipairs(tokens) do is_ours[token] = true end
  local jobs = {}
  for _, id in ipairs(redis.call('LRANGE', queue.active, 0, -1)) do
    local lock = queue.prefix .. id .. ':lock'
    local token = redis.call('GET', lock)
    if token and is_ours[token] then
      is_ours[token] = nil
      redis.call('PEXPIRE', lock, worker.lock_duration)
      jobs[#jobs + 1] = described(queue, id, token)
    end
  end
  local left = {}
  for _, token in ipairs(tokens) do
    if is_ours[token] then left[#left + 1] = token end
  end
  return jobs, left
end

-- Takes up to `#tokens` ready jobs. Returns the jobs; the milliseconds until the rate limit allows
-- another one, or 0; when the next delayed job is due, or 0; and whether the queue is blocked.
local function fetch(queue, settings, now, worker, tokens)
  promote_due(queue, settings, now)
  local allowed = #tokens
  local max = settings.max or worker.limit_max
  if max then
    local ttl
    allowed, ttl = within_rate_limit(queue, max, allowed)
    if ttl > 0 then return {}, ttl, 0, false end
  end
  if settings.paused then return {}, 0, next_due(queue) or 0, true end
  if settings.concurrency then
    allowed = math.min(allowed, settings.concurrency - redis.call('LLEN', queue.active))
    if allowed <= 0 then return {}, 0, next_due(queue) or 0, true end
  end

  local jobs, active, counted = {}, {}, 0
  while #jobs < allowed do
    local ids = pop_ready(queue, allowed - #jobs)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
      -- Ids that start with `0:` are markers of clients before 5.0.
      if string.sub(id, 1, 2) ~= '0:' then
        local token = tokens[#jobs + 1]
        local job = described(queue, id, token)
        -- An id whose job is gone is dropped: there is nothing to work.
        if job[1] or job[2] or job[3] or job[4] then
          start(queue, now, worker, id, token, job[ATTEMPTS_STARTED])
          active[#active + 1] = id
          jobs[#jobs + 1] = job
          if not job[DEFERRED_FAILURE] then counted = counted + 1 end
        end
      end
    end
  end
  if #active > 0 then redis.call('LPUSH', queue.active, unpack(active)) end
  if max and counted > 0 and redis.call('INCRBY', queue.limiter, counted) == counted then
    local window = worker.limit_window or settings.duration or 0
    redis.call('PEXPIRE', queue.limiter, math.floor(math.abs(window)))
  end
  if #jobs > 0 and redis.call('EXISTS', queue.wait, queue.prioritized) > 0 then wake(queue) end
  local due = 0
  if #jobs < #tokens then due = next_due(queue) or 0 end
  return jobs, 0, due, false
end
