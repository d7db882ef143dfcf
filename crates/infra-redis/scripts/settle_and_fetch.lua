--[[
  settle_and_fetch - end the work on some jobs and take others.
  Why a script: a job's lock, its place and its outcome must change in one step, and taking the
  next jobs in the same step saves a round trip for each.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 now (unix ms)   3 lock duration (ms)   4 worker name or ''
        5 rate limit: jobs a window, or ''   6 rate limit: window (ms), or ''
        7 how many points of metrics to keep, or ''
        8 1 = the answer to the same call was lost: jobs that it gave out are given out again
        9 how many jobs to settle; then 11 a job:
          kind: completed | failed | retry | delay | release | wait-for-children | limit
          id   token
          value: returnvalue or failedReason   stacktrace   attempts
          keep count (-1 all)   keep age (s, -1 any)   keep limit
          delay (ms)   flag: retry: 1 = lifo; delay: 1 = counts as an attempt
        then a token for each job to fetch
  RETURNS  {code for each settled job, jobs as {id, token, {field, ...}},
            rate limit (ms to wait, or 0), next delayed job due at (unix ms, or '0')}
]]
local queue = queue_at(ARGV[1])
local now = tonumber(ARGV[2])
local worker = {
  lock_duration = ARGV[3],
  name = ARGV[4],
  limit_max = tonumber(ARGV[5]),
  limit_window = tonumber(ARGV[6]),
}
local max_points = tonumber(ARGV[7])
local settings = read_settings(queue)

local function settle(job)
  if job.kind == 'completed' or job.kind == 'failed' then
    return finish(queue, settings, now, job, max_points)
  elseif job.kind == 'retry' then
    return retry_now(queue, settings, job)
  elseif job.kind == 'delay' then
    return retry_later(queue, settings, now, job)
  elseif job.kind == 'wait-for-children' then
    return wait_for_children(queue, settings, now, job)
  elseif job.kind == 'limit' then
    return hit_rate_limit(queue, settings, job)
  end
  return hand_back(queue, settings, job)
end

local codes, has_finished = {}, false
local at = 10
for n = 1, tonumber(ARGV[9]) do
  local kind = ARGV[at]
  codes[n] = settle({
    kind = kind,
    id = ARGV[at + 1],
    token = ARGV[at + 2],
    value = ARGV[at + 3],
    stacktrace = ARGV[at + 4],
    attempts = tonumber(ARGV[at + 5]),
    keep_count = tonumber(ARGV[at + 6]),
    keep_age = tonumber(ARGV[at + 7]),
    keep_limit = tonumber(ARGV[at + 8]),
    delay = ARGV[at + 9],
    lifo = ARGV[at + 10] == '1',
    is_attempt = ARGV[at + 10] == '1',
  })
  if codes[n] == 0 and (kind == 'completed' or kind == 'failed') then has_finished = true end
  at = at + 11
end

local tokens = {}
for i = at, #ARGV do tokens[#tokens + 1] = ARGV[i] end
local jobs, ttl, due, blocked = {}, 0, 0, false
if #tokens > 0 then
  local given = {}
  if ARGV[8] == '1' then given, tokens = given_out(queue, worker, tokens) end
  jobs, ttl, due, blocked = fetch(queue, settings, now, worker, tokens)
  for _, job in ipairs(given) do jobs[#jobs + 1] = job end
elseif #codes > 0 and settings.concurrency and not is_blocked(queue, settings) then
  -- A place under the global concurrency became free, and this worker doesn't take it.
  wake(queue)
end

if has_finished and #jobs == 0 and ttl == 0 and due == 0 and not blocked
  and redis.call('EXISTS', queue.wait, queue.active, queue.prioritized) == 0 then
  redis.call('XADD', queue.events, '*', 'event', 'drained')
end
return { codes, jobs, ttl, tostring(due) }
