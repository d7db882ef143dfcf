-- The score that keeps jobs of one priority in the order in which they came: that of the `turn`th.
local function priority_score_at(priority, turn)
  return priority * 4294967296 + turn % 4294967296
end

local function priority_score(queue, priority)
  return priority_score_at(priority, call('INCR', queue.pc))
end

-- Makes jobs with priorities ready, those of one priority in the order in which they stand here.
local function push_prioritized(queue, jobs)
  local turn = call('INCRBY', queue.pc, #jobs) - #jobs
  local members = {}
  for n, job in ipairs(jobs) do
    members[2 * n - 1] = priority_score_at(job.priority, turn + n)
    members[2 * n] = job.id
  end
  call('ZADD', queue.prioritized, unpack(members))
end

-- Makes a job ready behind those that are ready. Does not wake anybody.
local function push_ready(queue, id, priority)
  if priority > 0 then
    call('ZADD', queue.prioritized, priority_score(queue, priority), id)
  else
    call('LPUSH', queue.wait, id)
  end
end

-- The highest score given so far in a millisecond, so that only the first job of a call that is due
-- then has to look for it. Whatever takes a job out of the delayed ones forgets them.
local last_scores = {}

-- Puts a job among the delayed ones, behind those that are due in the same millisecond. A
-- millisecond holds 4096 scores; the last one is shared by all that come after.
local function push_delayed(queue, settings, id, due)
  local lowest = due * 4096
  local highest = lowest + 4095
  local place = queue.prefix .. due
  local last = last_scores[place]
  if not last then
    local found = call('ZREVRANGEBYSCORE', queue.delayed, highest, lowest,
      'WITHSCORES', 'LIMIT', 0, 1)
    last = found[2] and tonumber(found[2])
  end
  local score = last and math.min(last + 1, highest) or lowest
  last_scores[place] = score
  call('ZADD', queue.delayed, score, id)
  call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', 'delayed', 'jobId', id, 'delay', string.format('%.0f', due))
end
