-- Effects that a call puts off, to carry them out once for all the jobs it settles. Nobody sees the
-- difference: a call is one step, and whatever looks at other jobs carries them out first.
local put_off = { locks = {}, stalled = {}, drops = {}, counts = {} }

-- Adds a finished job to those of its kind. Jobs that keep alike are added, and trimmed, together.
local function put_off_finished(queue, now, job)
  local kept = put_off.kept
  if kept and (kept.kind ~= job.kind or kept.rule ~= job.keep) then
    put_off.trim(queue, kept)
    kept = nil
  end
  if not kept then
    kept = { kind = job.kind, rule = job.keep, now = now, members = {} }
    put_off.kept = kept
  end
  kept.members[#kept.members + 1] = now
  kept.members[#kept.members + 1] = job.id
end

local function carry_out(queue)
  if #put_off.locks > 0 then
    redis.call('DEL', unpack(put_off.locks))
    redis.call('SREM', queue.stalled, unpack(put_off.stalled))
    put_off.locks, put_off.stalled = {}, {}
  end
  if #put_off.drops > 0 then
    redis.call('DEL', unpack(put_off.drops))
    put_off.drops = {}
  end
  if put_off.kept then
    put_off.trim(queue, put_off.kept)
    put_off.kept = nil
  end
  if put_off.tells_due then
    wake_at_next_due(queue)
    put_off.tells_due = nil
  end
  if put_off.wakes then
    wake(queue)
    put_off.wakes = nil
  end
end

-- What every settlement starts with: the job exists, the worker holds it, it is active no more.
-- Returns a negative code, or the fields asked for, the first of which every active job has.
local function let_go(queue, job, ...)
  local key = queue.prefix .. job.id
  local fields = redis.call('HMGET', key, 'processedOn', ...)
  if not fields[1] and redis.call('EXISTS', key) == 0 then return -1 end
  if job.owner ~= job.token then return job.owner and -6 or -2 end
  put_off.locks[#put_off.locks + 1] = key .. ':lock'
  put_off.stalled[#put_off.stalled + 1] = job.id
  if redis.call('LREM', queue.active, -1, job.id) == 0 then return -3 end
  return 0, fields
end
