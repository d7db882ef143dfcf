--[[
  settle_and_fetch - end the work on some jobs and take others.
  Why a script: a job's lock, its place and its outcome must change in one step, and taking the
  next jobs in the same step saves a round trip for each.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 now (unix ms)   3 lock duration (ms)   4 worker name or ''
        5 the worker's limits or '': jobs a window:window (ms):points of metrics to keep, of which
          each may be lacking
        6 what the worker knows: lost = the answer to the same call was lost, so jobs that it gave
          out are given out again; quiet = nothing else was ready at the last look, so there is
          probably nothing to take; busy = see fetch; asleep = nothing, since the call stands behind
          a sleep, and what it takes for now is when it was sent: the server's time is taken instead
        7 how many jobs to fetch at most
        8 how many jobs to settle; then for each its kind, its id, its token, and
          completed: value   rule of what is kept (see trim_finished)
          failed: reason   stack traces   trace context or ''   attempts   rule of what is kept
          retry: reason   stack traces   trace context or ''   1 = lifo
          delay: reason   stack traces   trace context or ''   delay (ms)
          put-off: delay (ms)
          limit: how long (ms)
          release, wait-for-children: nothing more
        then the tokens of the jobs to fetch; where there are too few, the last one serves on, with
        the job's number behind it
  RETURNS  one list: for each job taken its fields, id and token; for each settled job its code, or
           the text of an error; rate limit (ms to wait, or 0); next delayed job due at (unix ms, or
           '0'). Lists in it would cost more than all that stands in them.
]]
local queue = queue_at(ARGV[1])
now = tonumber(now)
local settings = read_settings(queue, known.settings)

local codes, has_finished = {}, false
local ended, locks, families = {}, {}, {}
local count = tonumber(ARGV[8])
local limit_max, limit_window, max_points
if ARGV[5] ~= '' then
  limit_max, limit_window, max_points = string.match(ARGV[5], '^(%d*):(%d*):(%d*)$')
  limit_max, max_points = tonumber(limit_max), tonumber(max_points)
end
if known.is_settled then
  codes[1], has_finished, count = 0, true, 0
else
  at = 9
end
for n = 1, count do
  local kind, id = ARGV[at], ARGV[at + 1]
  local job = { kind = kind, id = id, token = ARGV[at + 2], fields = known.fields }
  local key = queue.prefix .. id
  ended[n], locks[n] = job, key .. ':lock'
  if kind == 'completed' then
    job.value, job.keep = ARGV[at + 3], ARGV[at + 4]
    at = at + 5
    families[#families + 1] = key .. ':dependencies'
    families[#families + 1] = key .. ':unsuccessful'
  else
    at = rare().read_settled(job, at)
  end
end

if #ended > 0 then
  local owners = call('MGET', unpack(locks))
  -- Few jobs have children: one look at all of them spares a look at each.
  put_off.may_have_children = #families > 0 and call('EXISTS', unpack(families)) > 0
  local is_settled = {}
  for n, job in ipairs(ended) do
    job.owner = owners[n]
    if is_settled[job.id] then
      carry_out(queue)
      job.owner = call('GET', locks[n])
    end
    is_settled[job.id] = true
    -- What is wrong with one job must not keep the others from being settled.
    local ok, code = pcall(settle, queue, settings, now, job)
    codes[n] = ok and code or rare().error_text(code)
    if code == 0 and (job.kind == 'completed' or job.kind == 'failed') then has_finished = true end
  end
  carry_out(queue)
  if max_points then
    for kind, count in pairs(put_off.counts) do
      rare().count_finished(queue, kind, count, now, max_points)
    end
  end
end

local wanted = tonumber(ARGV[7])
local jobs, ttl, due, blocked, is_empty = {}, 0, 0, false, false
if wanted > 0 then
  if ARGV[6] == 'quiet' and not known.job and not settings.paused and not settings.max then
    is_empty = call('EXISTS', queue.wait, queue.active, queue.prioritized, queue.delayed) == 0
  end
  if not is_empty then
    local worker = {
      lock_duration = ARGV[3],
      name = ARGV[4],
      limit_max = limit_max,
      limit_window = tonumber(limit_window),
    }
    local tokens, last = {}, ARGV[#ARGV]
    for n = 1, wanted do tokens[n] = ARGV[at + n - 1] or last .. ':' .. n end
    if known.job then
      jobs[1] = known.job
      table.remove(tokens, 1)
    end
    if ARGV[6] == 'lost' then jobs, tokens = rare().given_out(queue, worker, tokens) end
    local taken
    taken, ttl, due, blocked = fetch(queue, settings, now, worker, tokens, ARGV[6] == 'busy')
    for _, job in ipairs(taken) do jobs[#jobs + 1] = job end
  end
elseif #codes > 0 and settings.concurrency and not is_blocked(queue, settings) then
  -- A place under the global concurrency became free, and this worker doesn't take it.
  rare().wake(queue)
end

if has_finished and #jobs == 0 and ttl == 0 and due == 0 and not blocked
  and (is_empty or call('EXISTS', queue.wait, queue.active, queue.prioritized) == 0) then
  call('XADD', queue.events, '*', 'event', 'drained')
end

local reply, size = {}, 0
for _, job in ipairs(jobs) do
  for n = 1, 11 do reply[size + n] = job[n] end
  size = size + 11
end
for n = 1, #codes do reply[size + n] = codes[n] end
size = size + #codes
reply[size + 1], reply[size + 2] = ttl, tostring(due)
return reply
