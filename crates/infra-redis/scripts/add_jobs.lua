--[[
  add_jobs - store jobs in one or more queues and make them ready, delayed, or wait for children.
  Why a script: a job must be stored, queued and announced in one step, or a crash between them
  leaves a job that nobody finds, or an id without a job. A flow's jobs appear together.
  KEYS  meta of each queue, by which the call is routed
  ARGV  1 how many queues; for each its prefix, and how many of the jobs are for it, or 0 if some may
        be refused, so that its counter must move job by job; how many jobs; then for each job
        flags   name   data   opts   timestamp, and for each of these flags what it stands for:
        q = number of its queue (else that of the job before)   i = custom id   d = delay
        p = priority   c = parent's key, parent as JSON
        u = deduplication id, its time to live (ms) or '', and its own flags:
            e = extend, r = replace, k = keep last if active, s = reschedule
        l = lifo   w = waits for children   f = part of a flow
  RETURNS  for each job its id, in order, which is an existing job's where it is a duplicate; or a
           negative code: -5 its parent is missing, -7 it has another parent that still exists; or
           {text of an error}
]]
local function has(flags, flag) return string.find(flags, flag, 1, true) ~= nil end

local at = 1
local function take()
  at = at + 1
  return ARGV[at - 1]
end

local targets = {}
for n = 1, tonumber(take()) do
  local queue = queue_at(take())
  local target = { queue = queue, settings = read_settings(queue) }
  local count = tonumber(take())
  if count > 0 then target.counter = redis.call('INCRBY', queue.id, count) - count end
  targets[n] = target
end

-- Jobs are pushed late, so that one push serves many of them. Nobody can tell, since a call is one
-- step; whatever looks at other jobs pushes them first.
local waiting, prioritized = {}, {}
local pushed_late, push_all
local function push_late(queue, id, priority)
  if pushed_late ~= queue then
    push_all()
    pushed_late = queue
  end
  if priority > 0 then
    prioritized[#prioritized + 1] = { id = id, priority = priority }
  else
    waiting[#waiting + 1] = id
  end
end

function push_all()
  local queue = pushed_late
  if #waiting > 0 then
    redis.call('LPUSH', queue.wait, unpack(waiting))
    waiting = {}
  end
  if #prioritized > 0 then
    local turn = redis.call('INCRBY', queue.pc, #prioritized) - #prioritized
    local members = {}
    for n, job in ipairs(prioritized) do
      members[2 * n - 1] = priority_score_at(job.priority, turn + n)
      members[2 * n] = job.id
    end
    redis.call('ZADD', queue.prioritized, unpack(members))
    prioritized = {}
  end
end

-- A job whose id is in use is not added; it may still become a child of the parent given.
local function attach_existing(target, id, job)
  local queue = target.queue
  local key = queue.prefix .. id
  local old = redis.call('HGET', key, 'parentKey')
  local has_other = old and old ~= job.parent_key and redis.call('EXISTS', old) == 1
  if has_other and job.parent_key ~= '' then return -7 end
  if job.parent_key ~= '' then
    if redis.call('ZSCORE', queue.completed, id) then
      local value = redis.call('HGET', key, 'returnvalue') or 'null'
      redis.call('HSET', job.parent_key .. ':processed', key, value)
      if not job.in_flow then
        local parent_queue, parent_id = parent_of(job.parent_key, job.parent)
        release_parent_if_free(parent_queue, parent_id, tonumber(job.timestamp))
      end
    else
      redis.call('SADD', job.parent_key .. ':dependencies', key)
    end
    redis.call('HSET', key, 'parentKey', job.parent_key, 'parent', job.parent)
  end
  redis.call('XADD', queue.events, 'MAXLEN', '~', target.settings.max_events, '*',
    'event', 'duplicated', 'jobId', id)
  return id
end

local function next_id(target)
  if not target.counter then return redis.call('INCR', target.queue.id) end
  target.counter = target.counter + 1
  return target.counter
end

local function add(target, job)
  local queue = target.queue
  if job.parent_key ~= '' and redis.call('EXISTS', job.parent_key) == 0 then return -5 end
  -- The counter moves for custom ids and duplicates too.
  local counter = next_id(target)
  local id = job.custom_id
  if not id then
    id = string.format('%.0f', counter)
  elseif redis.call('EXISTS', queue.prefix .. id) == 1 then
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
    redis.call('ZADD', queue['waiting-children'], job.timestamp, id)
    redis.call('XADD', queue.events, 'MAXLEN', '~', target.settings.max_events, '*',
      'event', 'waiting-children', 'jobId', id)
  elseif enqueue(queue, target.settings, id, job, push_late) then
    target.has_ready = true
  else
    target.has_delayed = true
  end
  if job.parent_key ~= '' then
    redis.call('SADD', job.parent_key .. ':dependencies', queue.prefix .. id)
  end
  return id
end

local function take_rule()
  local id, ttl, flags = take(), take(), take()
  return {
    id = id,
    ttl = tonumber(ttl),
    extend = has(flags, 'e'),
    replace = has(flags, 'r'),
    keep_last = has(flags, 'k'),
    reschedule = has(flags, 's'),
  }
end

local target = targets[1]
local results, parents, parent_order = {}, {}, {}
for n = 1, tonumber(take()) do
  local flags = take()
  local job = { name = take(), data = take(), opts = take(), timestamp = take(),
    delay = '0', priority = '0', parent_key = '', parent = '' }
  if flags ~= '' then
    if has(flags, 'q') then target = targets[tonumber(take())] end
    if has(flags, 'i') then job.custom_id = take() end
    if has(flags, 'd') then job.delay = take() end
    if has(flags, 'p') then job.priority = take() end
    if has(flags, 'c') then
      job.parent_key = take()
      job.parent = take()
    end
    if has(flags, 'u') then
      job.rule = take_rule()
      job.deduplication_id = job.rule.id
    end
    job.lifo = has(flags, 'l')
    job.is_parent = has(flags, 'w')
    job.in_flow = has(flags, 'f')
  end
  -- What is wrong with one job must not keep the others from being added.
  local ok, result = pcall(add, target, job)
  results[n] = ok and result or { error_text(result) }
  if job.in_flow and job.parent_key ~= '' then
    local parent = parents[job.parent_key]
    if not parent then
      parent = { json = job.parent, now = tonumber(job.timestamp) }
      parents[job.parent_key] = parent
      parent_order[#parent_order + 1] = job.parent_key
    end
    if result == -7 then parent.is_incomplete = true end
  end
end
push_all()

-- A parent whose children had all completed before waits for nothing.
for _, key in ipairs(parent_order) do
  local parent = parents[key]
  if not parent.is_incomplete then
    local queue, id = parent_of(key, parent.json)
    release_parent_if_free(queue, id, parent.now)
  end
end

for _, each in ipairs(targets) do
  if each.has_ready and not is_blocked(each.queue, each.settings) then wake(each.queue) end
  if each.has_delayed then wake_at_next_due(each.queue) end
end
return results
