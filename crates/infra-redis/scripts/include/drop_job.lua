-- What the keys are called in which a job is stored, after its own; its lock is not among them.
local JOB_KEYS = { '', ':logs', ':dependencies', ':processed', ':failed', ':unsuccessful' }

-- Removes everything that is stored about a job, except its lock. Returns how many keys there were.
local function drop_job(queue, id)
  local keys = {}
  for n, suffix in ipairs(JOB_KEYS) do keys[n] = queue.prefix .. id .. suffix end
  return call('DEL', unpack(keys))
end
