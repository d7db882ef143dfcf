-- How many jobs may start within the rate limit; 0 and the milliseconds to wait if none.
local function within_rate_limit(queue, max, wanted)
  local used = tonumber(call('GET', queue.limiter) or 0)
  if used >= max then
    local ttl = call('PTTL', queue.limiter)
    if ttl > 0 then return 0, ttl end
    call('DEL', queue.limiter)
    used = 0
  end
  return math.min(wanted, max - used), 0
end

-- Up to `wanted` ids that are ready: waiting ones first, then the lowest priority numbers. The
-- second result tells whether they are active already, as a single one that waited is where it
-- overtakes no other.
local function pop_ready(queue, wanted, is_alone)
  local ids
  if wanted == 1 and is_alone then
    local id = call('RPOPLPUSH', queue.wait, queue.active)
    if id then return { id }, true end
    ids = {}
  else
    ids = call('RPOP', queue.wait, wanted) or {}
  end
  if #ids < wanted then
    local popped = call('ZPOPMIN', queue.prioritized, wanted - #ids)
    for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
  end
  return ids, false
end

-- A job as the worker reads it: what it needs of its fields, its id and the token that locks it.
local function described(queue, id, token)
  local job = call('HMGET', queue.prefix .. id, 'name', 'data', 'opts', 'timestamp', 'ats', 'atm',
    'stacktrace', 'defa', 'rjk')
  job[10], job[11] = id, token
  return job
end
local ATTEMPTS_STARTED, DEFERRED_FAILURE = 5, 8

-- Locks a job for a worker and notes that it started.
local function start(queue, now, worker, id, token, attempts_started)
  local key = queue.prefix .. id
  call('SET', key .. ':lock', token, 'PX', worker.lock_duration)
  call('XADD', queue.events, '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
  local started = (tonumber(attempts_started) or 0) + 1
  if worker.name ~= '' then
    call('HSET', key, 'processedOn', now, 'ats', started, 'pb', worker.name)
  else
    call('HSET', key, 'processedOn', now, 'ats', started)
  end
end

-- Takes up to `allowed` ready jobs and adds them to `jobs`; how many of them count for the rate
-- limit.
local function take_ready(queue, now, worker, tokens, jobs, allowed)
  local active, counted = {}, 0
  while #jobs < allowed do
    local ids, are_active = pop_ready(queue, allowed - #jobs, #active == 0)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
      local token = tokens[#jobs + 1]
      -- Ids that start with `0:` are markers of clients before 5.0.
      local job = string.sub(id, 1, 2) ~= '0:' and described(queue, id, token)
      -- An id whose job is gone is dropped: there is nothing to work.
      if job and (job[1] or job[2] or job[3] or job[4]) then
        start(queue, now, worker, id, token, job[ATTEMPTS_STARTED])
        if not are_active then active[#active + 1] = id end
        jobs[#jobs + 1] = job
        if not job[DEFERRED_FAILURE] then counted = counted + 1 end
      elseif are_active then
        call('LREM', queue.active, 1, id)
      end
    end
  end
  if #active > 0 then call('LPUSH', queue.active, unpack(active)) end
  return counted
end

-- Takes up to `#tokens` ready jobs. Returns the jobs; the milliseconds until the rate limit allows
-- another one, or 0; when the next delayed job is due, or 0; and whether the queue is blocked.
--
-- On a `busy` queue the last look brought as many jobs as were asked for, and delayed jobs were
-- looked for just before: they are looked for only if jobs are short.
local function fetch(queue, settings, now, worker, tokens, is_busy)
  local due
  if not is_busy then due = promote_due(queue, settings, now) end
  local allowed = #tokens
  local max = settings.max or worker.limit_max
  if max then
    local ttl
    allowed, ttl = within_rate_limit(queue, max, allowed)
    if ttl > 0 then return {}, ttl, 0, false end
  end
  if settings.paused then return {}, 0, due or next_due(queue) or 0, true end
  if settings.concurrency then
    allowed = math.min(allowed, settings.concurrency - call('LLEN', queue.active))
    if allowed <= 0 then return {}, 0, due or next_due(queue) or 0, true end
  end

  local jobs = {}
  local counted = take_ready(queue, now, worker, tokens, jobs, allowed)
  if is_busy and #jobs < allowed then
    due = promote_due(queue, settings, now)
    counted = counted + take_ready(queue, now, worker, tokens, jobs, allowed)
  end
  if max and counted > 0 and call('INCRBY', queue.limiter, counted) == counted then
    local window = worker.limit_window or settings.duration or 0
    call('PEXPIRE', queue.limiter, math.floor(math.abs(window)))
  end
  -- Where fewer came than may start, none is left. A busy queue is taken to have more.
  if #jobs > 0 and #jobs == allowed
    and (is_busy or call('EXISTS', queue.wait, queue.prioritized) > 0) then
    wake(queue)
  end
  if #jobs == #tokens then return jobs, 0, 0, false end
  return jobs, 0, due or next_due(queue) or 0, false
end
