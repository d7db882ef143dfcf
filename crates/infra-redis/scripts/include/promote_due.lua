-- Makes delayed jobs ready whose time has come, at most 1000 a call so that it stays short.
local function promote_due(queue, settings, now)
  local due = redis.call('ZRANGEBYSCORE', queue.delayed, 0, (now + 1) * 4096 - 1,
    'LIMIT', 0, 1000)
  if #due == 0 then return end
  redis.call('ZREM', queue.delayed, unpack(due))
  local has_ready = false
  for _, id in ipairs(due) do
    local key = queue.prefix .. id
    -- An id whose job is gone is dropped: it must not come back to life as a hash with one field.
    if redis.call('EXISTS', key) == 1 then
      push_ready(queue, id, tonumber(redis.call('HGET', key, 'priority') or 0) or 0)
      redis.call('XADD', queue.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'delayed')
      redis.call('HSET', key, 'delay', 0)
      has_ready = true
    end
  end
  if has_ready and not is_blocked(queue, settings) then wake(queue) end
end
