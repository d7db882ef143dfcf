--[[
  add_jobs - store jobs and make them ready or delayed.
  Why a script: a job must be stored, queued and announced in one step, or a crash between them
  leaves a job that nobody finds, or an id without a job.
  KEYS  meta, id, wait, active, prioritized, delayed, pc, marker, events
  ARGV  1 key prefix   2 how many jobs; then 8 a job:
        custom id or ''   name   data   opts   timestamp   delay   priority   1 = lifo
  RETURNS  the ids, in order; the id of the existing job where a custom id is in use
]]
local count = tonumber(ARGV[2])
local settings = read_settings(queue)
-- One step of the counter a job, also for custom ids and duplicates.
local counter = redis.call('INCRBY', queue.id, count) - count
local ids, fifo = {}, {}
local has_ready, has_delayed = false, false

for n = 1, count do
  local at = 3 + (n - 1) * 8
  local id, name, timestamp = ARGV[at], ARGV[at + 1], ARGV[at + 4]
  local delay, priority = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local is_custom = id ~= ''
  if not is_custom then id = string.format('%.0f', counter + n) end
  local key = queue.prefix .. id
  if is_custom and redis.call('EXISTS', key) == 1 then
    redis.call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
      'event', 'duplicated', 'jobId', id)
  else
    redis.call('HSET', key, 'name', name, 'data', ARGV[at + 2], 'opts', ARGV[at + 3],
      'timestamp', timestamp, 'delay', ARGV[at + 5], 'priority', ARGV[at + 6])
    redis.call('XADD', queue.events, '*', 'event', 'added', 'jobId', id, 'name', name)
    if delay > 0 then
      push_delayed(queue, settings, id, tonumber(timestamp) + delay)
      has_delayed = true
    else
      if priority > 0 then
        push_ready(queue, id, priority)
      elseif ARGV[at + 7] == '1' then
        redis.call('RPUSH', queue.wait, id)
      else
        fifo[#fifo + 1] = id
      end
      redis.call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
        'event', 'waiting', 'jobId', id)
      has_ready = true
    end
  end
  ids[n] = id
end

if #fifo > 0 then redis.call('LPUSH', queue.wait, unpack(fifo)) end
if has_ready and not is_blocked(queue, settings) then wake(queue) end
if has_delayed then wake_at_next_due(queue) end
return ids
