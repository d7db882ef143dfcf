-- Gives up a job's lock. Returns a negative code, with nothing changed, if `token` doesn't hold it.
local function unlock(queue, id, token)
  local lock = queue.prefix .. id .. ':lock'
  local owner = redis.call('GET', lock)
  if owner ~= token then
    if owner then return -6 end
    return -2
  end
  redis.call('DEL', lock)
  redis.call('SREM', queue.stalled, id)
  return 0
end

-- What every settlement starts with: the job exists, the worker holds it, it is active no more.
local function let_go(queue, job)
  if redis.call('EXISTS', queue.prefix .. job.id) == 0 then return -1 end
  local code = unlock(queue, job.id, job.token)
  if code < 0 then return code end
  if redis.call('LREM', queue.active, -1, job.id) == 0 then return -3 end
  return 0
end
