--[[
  settle_and_fetch - end the work on some jobs and take others.
  Why a script: a job's lock, its place and its outcome must change in one step, and taking the
  next jobs in the same step saves a round trip for each.
  KEYS  1 meta, by which the call is routed
  ARGV  1 now (unix ms)
        2 what worker it is: how long its locks last (ms), and if it has limits or a name, behind that
          |jobs a window:window (ms):points of metrics to keep|name, of which each may be lacking
        3 what the worker knows: lost = the answer to the same call was lost, so jobs that it gave
          out are given out again; quiet = nothing else was ready at the last look, so there is
          probably nothing to take; busy = see fetch; asleep = nothing, since the call stands behind
          a sleep, and what it takes for now is when it was sent: the server's time is taken instead
        4 how many jobs to fetch at most
        5 how many jobs to settle; then for each its kind, its id, its token, and
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
           the text of an error; rate limit (ms to wait, or 0); next delayed job due at (unix ms as
           text, or 0). Lists in it would cost more than all that stands in them.
]]
local queue = queue_at(prefix)
now = tonumber(now)
local settings = read_settings(queue, known.settings)

local codes, has_finished = {}, false
-- Of each job to settle: where ARGV tells of it if it completed, or what it tells; and its keys.
local places, others, keys, locks, relatives = {}, {}, {}, {}, {}
local count = tonumber(ARGV[5])
local limit_max, limit_window, max_points
if limits ~= '' then
  limit_max, limit_window, max_points = string.match(limits, '^(%d*):(%d*):(%d*)$')
  limit_max, max_points = tonumber(limit_max), tonumber(max_points)
end
if known.is_settled then
  codes[1], has_finished, count = 0, true, 0
else
  at = 6
end
local looked_at = 0
for n = 1, count do
  local key = queue.prefix .. ARGV[at + 1]
  keys[n], locks[n] = key, key .. ':lock'
  if ARGV[at] == 'completed' then
    places[n] = at
    at = at + 5
    relatives[looked_at + 1], relatives[looked_at + 2] =
      key .. ':dependencies', key .. ':unsuccessful'
    relatives[looked_at + 3], relatives[looked_at + 4] = key .. ':processed', key .. ':failed'
    looked_at = looked_at + 4
  else
    places[n], others[n], at = false, rare().read_settled(at)
  end
end

if count > 0 then
  local owners = call('MGET', unpack(locks))
  -- Few jobs have, or had, children: a look at all of them spares a look at each.
  if looked_at > 0 and call('EXISTS', unpack(relatives)) > 0 then
    put_off.may_have_results = true
    for n = 1, looked_at, 4 do
      put_off.may_have_children = put_off.may_have_children
        or call('EXISTS', relatives[n], relatives[n + 1]) > 0
    end
  end
  local is_settled = {}
  for n = 1, count do
    local place, owner, ok, code = places[n], owners[n], nil, nil
    local id = place and ARGV[place + 1] or others[n].id
    if is_settled[id] then
      carry_out(queue)
      owner = call('GET', locks[n])
    end
    is_settled[id] = true
    -- What is wrong with one job must not keep the others from being settled.
    if place then
      ok, code = pcall(complete, queue, settings, now, place, keys[n], locks[n], owner)
      if code == 0 then has_finished = true end
    else
      others[n].owner = owner
      ok, code = pcall(rare().settle_otherwise, queue, settings, now, others[n])
      if code == 0 and others[n].kind == 'failed' then has_finished = true end
    end
    codes[n] = ok and code or rare().error_text(code)
  end
  carry_out(queue)
  if max_points then
    for kind, count in pairs(put_off.counts) do
      rare().count_finished(queue, kind, count, now, max_points)
    end
  end
end

local wanted = tonumber(ARGV[4])
local jobs, ttl, due, blocked, is_empty = {}, 0, 0, false, false
if wanted > 0 then
  if ARGV[3] == 'quiet' and not known.job and not settings.paused and not settings.max then
    is_empty = call('EXISTS', queue.wait, queue.active, queue.prioritized, queue.delayed) == 0
  end
  if not is_empty then
    local worker = {
      lock_duration = lasts,
      name = name,
      limit_max = limit_max,
      limit_window = tonumber(limit_window),
    }
    local tokens, last = {}, ARGV[#ARGV]
    for n = 1, wanted do tokens[n] = ARGV[at + n - 1] or last .. ':' .. n end
    if known.job then
      jobs[1] = known.job
      table.remove(tokens, 1)
    end
    if ARGV[3] == 'lost' then jobs, tokens = rare().given_out(queue, worker, tokens) end
    local taken
    taken, ttl, due, blocked = fetch(queue, settings, now, worker, tokens, ARGV[3] == 'busy')
    for n = 1, #taken do jobs[#jobs + 1] = taken[n] end
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
for k = 1, #jobs do
  local job = jobs[k]
  for n = 1, 11 do reply[size + n] = job[n] end
  size = size + 11
end
for n = 1, #codes do reply[size + n] = codes[n] end
size = size + #codes
reply[size + 1], reply[size + 2] = ttl, due > 0 and tostring(due) or 0
return reply
