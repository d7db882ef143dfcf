-- Removes everything that is stored about a job without children, except its lock.
local function put_off_drop(key)
  for _, each in ipairs({ job_keys(key) }) do put_off.gone[#put_off.gone + 1] = each end
end

-- What every settlement starts with: the job exists, the worker holds it, it is active no more.
-- Returns a negative code, or the fields asked for, the first of which every active job has;
-- `job.fields` holds them if they were read before.
local function let_go(queue, job, ...)
  local key = queue.prefix .. job.id
  local fields = job.fields or call('HMGET', key, 'processedOn', ...)
  if not fields[1] and call('EXISTS', key) == 0 then return -1 end
  if job.owner ~= job.token then return job.owner and -6 or -2 end
  put_off.gone[#put_off.gone + 1] = key .. ':lock'
  put_off.let_go[#put_off.let_go + 1] = job.id
  if call('LREM', queue.active, -1, job.id) == 0 then return -3 end
  return 0, fields
end
