-- How many delayed jobs a call makes ready at most, so that it stays short.
local MOST_PROMOTED = 300

-- Makes delayed jobs ready whose time has come.
local function promote_due(queue, settings, now)
  local due = call('ZRANGEBYSCORE', queue.delayed, 0, (now + 1) * 4096 - 1,
    'LIMIT', 0, MOST_PROMOTED)
  call('ZREM', queue.delayed, unpack(due))
  local ready, has_ready = {}, false
  for _, id in ipairs(due) do
    local key = queue.prefix .. id
    local fields = call('HMGET', key, 'priority', 'timestamp')
    -- An id whose job is gone is dropped: it must not come back to life as a hash with one field.
    if fields[1] or fields[2] or call('EXISTS', key) == 1 then
      local priority = tonumber(fields[1]) or 0
      if priority > 0 then
        push_ready(queue, id, priority)
      else
        ready[#ready + 1] = id
      end
      call('XADD', queue.events, '*', 'event', 'waiting', 'jobId', id, 'prev', 'delayed')
      call('HSET', key, 'delay', 0)
      has_ready = true
    end
  end
  if #ready > 0 then call('LPUSH', queue.wait, unpack(ready)) end
  if has_ready and not is_blocked(queue, settings) then wake(queue) end
end
