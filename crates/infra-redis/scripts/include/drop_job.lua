-- Removes everything that is stored about a job, except its lock.
local function drop_job(queue, id)
  local key = queue.prefix .. id
  redis.call('DEL', key, key .. ':logs', key .. ':dependencies', key .. ':processed',
    key .. ':failed', key .. ':unsuccessful')
end
