--[[
  add_jobs - store jobs in one or more queues and make them ready, delayed, or wait for children.
  Why a script: a job must be stored, queued and announced in one step, or a crash between them
  leaves a job that nobody finds, or an id without a job. A flow's jobs appear together.
  KEYS  meta of each queue, by which the call is routed
  ARGV  1 how many queues; their prefixes; how many jobs; then 14 a job:
        number of its queue   custom id or ''   name   data   opts   timestamp   delay   priority
        flags: l = lifo, w = waits for children, f = part of a flow
        parent's key or ''   parent as JSON or ''
        deduplication id or ''   its time to live (ms) or ''
        its flags: e = extend, r = replace, k = keep last if active, s = reschedule
  RETURNS  for each job its id, in order, which is an existing job's where it is a duplicate; or a
           negative code: -5 its parent is missing, -7 it has another parent that still exists
]]
local queues, at = {}, 2
for n = 1, tonumber(ARGV[1]) do
  local queue = queue_at(ARGV[at])
  queues[n] = { queue = queue, settings = read_settings(queue) }
  at = at + 1
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

local function add(target, custom_id, job, rule)
  local queue, settings = target.queue, target.settings
  if job.parent_key ~= '' and redis.call('EXISTS', job.parent_key) == 0 then return -5 end
  -- The counter moves for custom ids and duplicates too.
  local counter = redis.call('INCR', queue.id)
  local id = custom_id
  if id == '' then
    id = string.format('%.0f', counter)
  elseif redis.call('EXISTS', queue.prefix .. id) == 1 then
    return attach_existing(target, id, job)
  end
  if rule then
    local existing = deduplicate(queue, settings, id, job, rule)
    if existing then return existing end
  end
  store_job(queue, id, job)
  if job.is_parent then
    redis.call('ZADD', queue['waiting-children'], job.timestamp, id)
    redis.call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
      'event', 'waiting-children', 'jobId', id)
  elseif enqueue(queue, settings, id, job) then
    target.has_ready = true
  else
    target.has_delayed = true
  end
  if job.parent_key ~= '' then
    redis.call('SADD', job.parent_key .. ':dependencies', queue.prefix .. id)
  end
  return id
end

local function has(flags, flag) return string.find(flags, flag, 1, true) ~= nil end

local results, parents, parent_order = {}, {}, {}
local count = tonumber(ARGV[at])
at = at + 1
for n = 1, count do
  local flags, dedup_flags = ARGV[at + 8], ARGV[at + 13]
  local job = {
    name = ARGV[at + 2],
    data = ARGV[at + 3],
    opts = ARGV[at + 4],
    timestamp = ARGV[at + 5],
    delay = ARGV[at + 6],
    priority = ARGV[at + 7],
    lifo = has(flags, 'l'),
    is_parent = has(flags, 'w'),
    in_flow = has(flags, 'f'),
    parent_key = ARGV[at + 9],
    parent = ARGV[at + 10],
    deduplication_id = ARGV[at + 11],
  }
  local rule
  if job.deduplication_id ~= '' then
    rule = {
      id = job.deduplication_id,
      ttl = tonumber(ARGV[at + 12]),
      extend = has(dedup_flags, 'e'),
      replace = has(dedup_flags, 'r'),
      keep_last = has(dedup_flags, 'k'),
      reschedule = has(dedup_flags, 's'),
    }
  end
  local result = add(queues[tonumber(ARGV[at])], ARGV[at + 1], job, rule)
  results[n] = result
  if job.in_flow and job.parent_key ~= '' then
    local parent = parents[job.parent_key]
    if not parent then
      parent = { json = job.parent, now = tonumber(job.timestamp) }
      parents[job.parent_key] = parent
      parent_order[#parent_order + 1] = job.parent_key
    end
    if result == -7 then parent.is_incomplete = true end
  end
  at = at + 14
end

-- A parent whose children had all completed before waits for nothing.
for _, key in ipairs(parent_order) do
  local parent = parents[key]
  if not parent.is_incomplete then
    local queue, id = parent_of(key, parent.json)
    release_parent_if_free(queue, id, parent.now)
  end
end

for _, target in ipairs(queues) do
  if target.has_ready and not is_blocked(target.queue, target.settings) then
    wake(target.queue)
  end
  if target.has_delayed then wake_at_next_due(target.queue) end
end
return results
