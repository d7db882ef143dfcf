local function has(flags, flag) return string.find(flags, flag, 1, true) ~= nil end

-- A job with all that its flags say, as it is told of from `at` on; the number of its queue, or nil
-- if it is that of the job before; and where what is told of it ends.
local function read_job(at)
  local flags = ARGV[at]
  local job = {
    name = ARGV[at + 1], data = ARGV[at + 2], opts = ARGV[at + 3], timestamp = ARGV[at + 4],
    delay = '0', priority = '0', parent_key = '', parent = '',
    lifo = has(flags, 'l'), is_parent = has(flags, 'w'), in_flow = has(flags, 'f'),
  }
  at = at + 5
  local function take()
    at = at + 1
    return ARGV[at - 1]
  end
  local number = has(flags, 'q') and tonumber(take()) or nil
  if has(flags, 'i') then job.custom_id = take() end
  if has(flags, 'd') then job.delay = take() end
  if has(flags, 'p') then job.priority = take() end
  if has(flags, 'c') then
    job.parent_key = take()
    job.parent = take()
  end
  if has(flags, 'u') then
    job.deduplication_id = take()
    local rule = { id = job.deduplication_id, ttl = tonumber(take()) }
    local own = take()
    rule.extend, rule.replace = has(own, 'e'), has(own, 'r')
    rule.keep_last, rule.reschedule = has(own, 'k'), has(own, 's')
    job.rule = rule
  end
  return job, number, at
end

-- Adds a job; its id, or a negative code.
local function add_job(target, job)
  local queue = target.queue
  if job.parent_key ~= '' and call('EXISTS', job.parent_key) == 0 then return -5 end
  -- The counter moves for custom ids and duplicates too.
  local id = next_id(target, job.custom_id)
  if job.custom_id and call('EXISTS', queue.prefix .. id) == 1 then
    push_all()
    return attach_existing(target, id, job)
  end
  if job.rule then
    push_all()
    local existing = deduplicate(queue, target.settings, id, job, job.rule)
    if existing then return existing end
  end
  store_job(queue, id, job)
  if job.is_parent then
    call('ZADD', queue['waiting-children'], job.timestamp, id)
    call('XADD', queue.events, 'MAXLEN', '~', target.settings.max_events, '*',
      'event', 'waiting-children', 'jobId', id)
  elseif enqueue(queue, target.settings, id, job, push_late) then
    target.has_ready = true
  else
    target.has_delayed = true
  end
  if job.parent_key ~= '' then
    call('SADD', job.parent_key .. ':dependencies', queue.prefix .. id)
  end
  return id
end
