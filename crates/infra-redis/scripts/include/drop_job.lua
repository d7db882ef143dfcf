-- Removes everything that is stored about a job, except its lock. Returns how many keys there were.
local function drop_job(queue, id)
  return call('DEL', job_keys(queue.prefix .. id))
end
