-- A job as the worker reads it: what it needs of its fields, its id and the token that locks it.
local function described(key, id, token)
  local job = call('HMGET', key, 'name', 'data', 'opts', 'timestamp', 'ats', 'atm',
    'stacktrace', 'defa', 'rjk')
  job[10], job[11] = id, token
  return job
end
local ATTEMPTS_STARTED, DEFERRED_FAILURE = 5, 8

-- Makes delayed jobs ready whose time has come. Returns when the next one is due, as far as that was
-- looked up: 0 if none is delayed, nil if it is not known.
local function look_for_due(queue, settings, now)
  local first = call('ZRANGE', queue.delayed, 0, 0, 'WITHSCORES')[2]
  if not first then return 0 end
  local due = tonumber(first) / 4096
  if due >= now + 1 then return due end
  rare().promote_due(queue, settings, now)
end

-- Takes up to `#tokens` ready jobs: waiting ones first, then the lowest priority numbers. Locks them
-- and notes that they started. Returns the jobs; the milliseconds until the rate limit allows
-- another one, or 0; when the next delayed job is due, or 0; and whether the queue is blocked.
--
-- On a `busy` queue the last look brought as many jobs as were asked for, and delayed jobs were
-- looked for just before: they are looked for only if jobs are short.
local function fetch(queue, settings, now, worker, tokens, is_busy)
  local wanted, has_looked, due = #tokens, not is_busy, nil
  if has_looked then due = look_for_due(queue, settings, now) end
  local max = settings.max or worker.limit_max
  if max or settings.paused or settings.concurrency then
    local ttl, is_held
    wanted, ttl, is_held = rare().may_start(queue, settings, max, wanted)
    if ttl > 0 then return {}, ttl, 0, false end
    if is_held then return {}, 0, due or rare().next_due(queue) or 0, true end
  end

  local jobs, active, counted = {}, {}, 0
  while #jobs < wanted do
    local lacking = wanted - #jobs
    local ids, are_active = nil, false
    if lacking == 1 and #active == 0 then
      -- A single one that waited overtakes no other on its way.
      local id = call('RPOPLPUSH', queue.wait, queue.active)
      ids, are_active = { id or nil }, id and true
    else
      ids = call('RPOP', queue.wait, lacking) or {}
    end
    if #ids < lacking then
      local popped = call('ZPOPMIN', queue.prioritized, lacking - #ids)
      for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
    end
    if #ids == 0 then
      if has_looked then break end
      has_looked = true
      due = look_for_due(queue, settings, now)
      if due then break end
    end
    for n = 1, #ids do
      local id, token = ids[n], tokens[#jobs + 1]
      local key = queue.prefix .. id
      -- Ids that start with `0:` are markers of clients before 5.0.
      local job = string.sub(id, 1, 2) ~= '0:' and described(key, id, token)
      -- An id whose job is gone is dropped: there is nothing to work.
      if job and (job[1] or job[2] or job[3] or job[4]) then
        call('SET', key .. ':lock', token, 'PX', worker.lock_duration)
        call('XADD', queue.events, '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
        local started = (tonumber(job[ATTEMPTS_STARTED]) or 0) + 1
        if worker.name ~= '' then
          call('HSET', key, 'processedOn', now, 'ats', started, 'pb', worker.name)
        else
          call('HSET', key, 'processedOn', now, 'ats', started)
        end
        if not are_active then active[#active + 1] = id end
        if not job[DEFERRED_FAILURE] then counted = counted + 1 end
        jobs[#jobs + 1] = job
      elseif are_active then
        call('LREM', queue.active, 1, id)
      end
    end
  end
  if #active > 0 then call('LPUSH', queue.active, unpack(active)) end
  if max and counted > 0 then rare().count_started(queue, settings, worker, counted) end
  -- Where fewer came than may start, none is left. A busy queue is taken to have more.
  if #jobs > 0 and #jobs == wanted
    and (is_busy or call('EXISTS', queue.wait, queue.prioritized) > 0) then
    call('ZADD', queue.marker, 0, '0')
  end
  if #jobs == #tokens then return jobs, 0, 0, false end
  return jobs, 0, due or rare().next_due(queue) or 0, false
end
