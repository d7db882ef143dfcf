-- Most calls of a worker with little to do end the work on one job at most, which completed and
-- concerns no other, and find one at most. They are written out here, and nothing of what follows is
-- made for them. A call that turns out to be another one goes on below with what is known by then:
-- the queue's settings, the job's fields, whether it is settled, and a job that was taken.
local known = {}
-- What every call says of its queue and its worker, for what follows as well. A local costs less than
-- a global each time it is read.
local ARGV = ARGV
local prefix = string.sub(KEYS[1], 1, -5)
local now, lasts, limits, name = ARGV[1], ARGV[2], '', ''
if string.find(lasts, '|', 1, true) then
  lasts, limits, name = string.match(lasts, '^(%d+)|([%d:]*)|(.*)$')
end
if ARGV[3] == 'asleep' then
  -- It was sent long before. Not every user may ask for the time.
  local time = redis.pcall('TIME')
  if not time.err then
    -- Seconds, and the first three of six digits of microseconds: to reckon with numbers would cost
    -- more than to ask.
    now = time[1] .. string.sub('00000' .. time[2], -6, -4)
  end
end
local at = ARGV[5] == '1' and 11 or 6
local is_alone = limits == '' and ARGV[3] ~= 'lost' and ARGV[4] ~= '0'
  and (ARGV[4] == '1' or ARGV[3] ~= 'busy')
  and (ARGV[5] == '0' or at == 11 and ARGV[6] == 'completed'
    and (ARGV[10] == '0' or ARGV[10] == '-1'))

if is_alone then
  local settings = call('HMGET', KEYS[1],
    'paused', 'concurrency', 'max', 'duration', 'opts.maxLenEvents')
  known.settings = settings
  is_alone = settings[5] and not (settings[1] or settings[2] or settings[3])
end

if is_alone and at == 11 then
  local id = ARGV[7]
  local key = prefix .. id
  local lock = key .. ':lock'
  -- A key of another type is told of below as what is wrong with this job.
  local fields = redis.pcall('HMGET', key,
    'processedOn', 'atm', 'deid', 'parentKey', 'parent', 'defa')
  if not fields.err then known.fields = fields end
  is_alone = fields[1] and not (fields[3] or fields[4] or fields[5] or fields[6])
    and redis.pcall('GET', lock) == ARGV[8]
    -- What is left of children is looked for as well, which spares removing it.
    and call('EXISTS', key .. ':dependencies', key .. ':unsuccessful',
      key .. ':processed', key .. ':failed') == 0
    and call('LREM', prefix .. 'active', '-1', id) == 1
  if is_alone then
    if ARGV[10] == '0' then
      call('DEL', lock, key, key .. ':logs')
    else
      -- Another clock may have told when it began.
      local finished_on = (tonumber(fields[1]) or 0) > tonumber(now) and fields[1] or now
      call('HSET', key, 'atm', (tonumber(fields[2]) or 0) + 1,
        'returnvalue', ARGV[9], 'finishedOn', finished_on)
      call('DEL', lock)
      call('ZADD', prefix .. 'completed', finished_on, id)
    end
    call('SREM', prefix .. 'stalled', id)
    call('XADD', prefix .. 'events', 'MAXLEN', '~', known.settings[5], '*',
      'event', 'completed', 'jobId', id, 'returnvalue', ARGV[9], 'prev', 'active')
    known.is_settled = true
  end
end

if is_alone then
  local is_busy, due, id = ARGV[3] == 'busy', 0, nil
  local wait, active, prioritized = prefix .. 'wait', prefix .. 'active', prefix .. 'prioritized'
  local delayed = prefix .. 'delayed'
  local is_empty = ARGV[3] == 'quiet' and call('EXISTS', wait, active, prioritized, delayed) == 0
  if not is_empty then
    if not is_busy then
      local first = call('ZRANGE', delayed, '0', '0', 'WITHSCORES')[2]
      due = first and tonumber(first) / 4096 or 0
      -- Jobs that are due go to their places first, which is not done here.
      is_alone = not first or due >= now + 1
    end
    if is_alone then
      id = call('RPOPLPUSH', wait, active)
      if not id then
        id = call('ZPOPMIN', prioritized)[1]
        if id then call('LPUSH', active, id) end
      end
    end
  end
  if id then
    local key = prefix .. id
    -- Ids that start with `0:` are markers of clients before 5.0.
    local job = string.sub(id, 1, 2) ~= '0:' and call('HMGET', key,
      'name', 'data', 'opts', 'timestamp', 'ats', 'atm', 'stacktrace', 'defa', 'rjk')
    if job and (job[1] or job[2] or job[3] or job[4]) then
      call('SET', key .. ':lock', ARGV[at], 'PX', lasts)
      call('XADD', prefix .. 'events', '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
      local started = (tonumber(job[5]) or 0) + 1
      if name ~= '' then
        call('HSET', key, 'processedOn', now, 'ats', started, 'pb', name)
      else
        call('HSET', key, 'processedOn', now, 'ats', started)
      end
      job[10], job[11] = id, ARGV[at]
      local is_more = is_busy or call('EXISTS', wait, prioritized) > 0
      if is_more and ARGV[4] ~= '1' then
        known.job = job
      else
        if is_more then call('ZADD', prefix .. 'marker', '0', '0') end
        -- Told to those alone who are short of jobs.
        if ARGV[4] == '1' then due = 0 end
        due = due > 0 and tostring(due) or 0
        if known.is_settled then
          job[12], job[13], job[14] = 0, 0, due
        else
          job[12], job[13] = 0, due
        end
        return job
      end
    else
      call('LREM', active, '1', id)
    end
  elseif is_alone and not is_busy then
    if known.is_settled and due == 0
      and (is_empty or call('EXISTS', wait, active, prioritized) == 0) then
      call('XADD', prefix .. 'events', '*', 'event', 'drained')
    end
    due = due > 0 and tostring(due) or 0
    if known.is_settled then return { 0, 0, due } end
    return { 0, due }
  end
end
