--[[
  add_jobs - store jobs in one or more queues and make them ready, delayed, or wait for children.
  Why a script: a job must be stored, queued and announced in one step, or a crash between them
  leaves a job that nobody finds, or an id without a job. A flow's jobs appear together.
  KEYS  meta of each queue, by which the call is routed
  ARGV  of one job without any flag, for the queue of the key: name   data   opts   timestamp; else
        1 how many queues; for each its prefix, and how many of the jobs are for it, or 0 if some may
        be refused, so that its counter must move job by job; how many jobs, at least one; then for
        each job
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
local targets, at = {}, 2
for n = 1, tonumber(ARGV[1]) do
  local queue = queue_at(ARGV[at])
  local target = { queue = queue, settings = read_settings(queue) }
  local count = tonumber(ARGV[at + 1])
  if count > 0 then target.counter = call('INCRBY', queue.id, count) - count end
  targets[n] = target
  at = at + 2
end

-- With no option that concerns its place, as most are, a job waits behind those that wait.
local function add_plain(target, name, data, opts, timestamp)
  local queue = target.queue
  local id = next_id(target)
  store_fields(queue, id, name, data, opts, timestamp, '0', '0')
  push_late(queue, id, 0)
  call('XADD', queue.events, 'MAXLEN', '~', target.settings.max_events, '*',
    'event', 'waiting', 'jobId', id)
  target.has_ready = true
  return id
end

local target = targets[1]
local results, parents, parent_order = {}, {}, {}
local count = tonumber(ARGV[at])
at = at + 1
for n = 1, count do
  local ok, result
  -- What is wrong with one job must not keep the others from being added.
  if ARGV[at] == '' then
    ok, result = pcall(add_plain, target, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
    at = at + 5
  else
    local job, number
    job, number, at = rare().read_job(at)
    if number then target = targets[number] end
    ok, result = pcall(rare().add_job, target, job)
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
  results[n] = ok and result or { rare().error_text(result) }
end
push_all()

-- A parent whose children had all completed before waits for nothing.
for _, key in ipairs(parent_order) do
  local parent = parents[key]
  if not parent.is_incomplete then
    local queue, id = rare().parent_of(key, parent.json)
    rare().release_parent_if_free(queue, id, parent.now)
  end
end

for _, each in ipairs(targets) do
  if each.has_ready and not is_blocked(each.queue, each.settings) then
    call('ZADD', each.queue.marker, 0, '0')
  end
  if each.has_delayed then rare().wake_at_next_due(each.queue) end
end
return results
