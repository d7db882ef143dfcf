-- Removes everything that is stored about a job, except its lock. Returns how many keys there were.
local function drop_job(queue, id)
  local key = queue.prefix .. id
  return redis.call('DEL', key, key .. ':logs', key .. ':dependencies', key .. ':processed',
    key .. ':failed', key .. ':unsuccessful')
end
