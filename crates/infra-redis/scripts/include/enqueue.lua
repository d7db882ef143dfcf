-- The score that keeps jobs of one priority in the order in which they came.
local function priority_score(queue, priority)
  local turn = redis.call('INCR', queue.pc) % 4294967296
  return priority * 4294967296 + turn
end

-- Makes a job ready behind those that are ready. Does not wake anybody.
local function push_ready(queue, id, priority)
  if priority > 0 then
    redis.call('ZADD', queue.prioritized, priority_score(queue, priority), id)
  else
    redis.call('LPUSH', queue.wait, id)
  end
end

-- Puts a job among the delayed ones, behind those that are due in the same millisecond. A
-- millisecond holds 4096 scores; the last one is shared by all that come after.
local function push_delayed(queue, settings, id, due)
  local lowest = due * 4096
  local highest = lowest + 4095
  local last = redis.call('ZREVRANGEBYSCORE', queue.delayed, highest, lowest,
    'WITHSCORES', 'LIMIT', 0, 1)
  local score = lowest
  if last[2] then score = math.min(tonumber(last[2]) + 1, highest) end
  redis.call('ZADD', queue.delayed, score, id)
  redis.call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', 'delayed', 'jobId', id, 'delay', string.format('%.0f', due))
end
