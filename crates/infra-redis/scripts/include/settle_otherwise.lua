-- What ARGV tells from `at` on of a job that did not complete, and where that ends.
local function read_settled(at)
  local kind = ARGV[at]
  local job = { kind = kind, id = ARGV[at + 1], token = ARGV[at + 2], fields = known.fields }
  if kind == 'put-off' or kind == 'limit' then
    job.delay = ARGV[at + 3]
    return job, at + 4
  end
  if kind == 'release' or kind == 'wait-for-children' then return job, at + 3 end
  job.value, job.stacktrace, job.telemetry = ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  if kind == 'failed' then
    job.attempts, job.keep = tonumber(ARGV[at + 6]), ARGV[at + 7]
    return job, at + 8
  end
  job.lifo, job.delay = ARGV[at + 6] == '1', ARGV[at + 6]
  return job, at + 7
end

-- Settles a job in whatever way.
local function settle_otherwise(queue, settings, now, job)
  local kind = job.kind
  if kind == 'completed' or kind == 'failed' then return finish(queue, settings, now, job) end
  if kind == 'retry' then return retry_now(queue, settings, job) end
  if kind == 'delay' then return retry_later(queue, settings, now, job) end
  if kind == 'put-off' then return put_off_job(queue, settings, now, job) end
  if kind == 'wait-for-children' then return wait_for_children(queue, settings, now, job) end
  if kind == 'limit' then return hit_rate_limit(queue, settings, job) end
  return hand_back(queue, settings, job)
end
