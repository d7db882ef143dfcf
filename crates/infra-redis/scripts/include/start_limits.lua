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

-- How many of the wanted jobs may start; the milliseconds until the rate limit allows another one,
-- or 0; and whether the queue is blocked.
local function may_start(queue, settings, max, wanted)
  if max then
    local ttl
    wanted, ttl = within_rate_limit(queue, max, wanted)
    if ttl > 0 then return 0, ttl, false end
  end
  if settings.paused then return 0, 0, true end
  if settings.concurrency then
    wanted = math.min(wanted, settings.concurrency - call('LLEN', queue.active))
  end
  return math.max(wanted, 0), 0, wanted <= 0
end

-- Counts jobs that started within the rate limit, whose window begins with the first of them.
local function count_started(queue, settings, worker, count)
  if call('INCRBY', queue.limiter, count) == count then
    local window = worker.limit_window or settings.duration or 0
    call('PEXPIRE', queue.limiter, math.floor(math.abs(window)))
  end
end
