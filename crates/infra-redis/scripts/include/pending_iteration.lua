-- Whether a job of a scheduler is yet to be worked, or at work: until then the series goes on by
-- itself.
local function is_pending(queue, id)
  local key = queue.prefix .. id
  if redis.call('EXISTS', key) == 0 or redis.call('HEXISTS', key, 'finishedOn') == 1 then
    return false
  end
  return redis.call('ZSCORE', queue.delayed, id)
    or redis.call('ZSCORE', queue.prioritized, id)
    or redis.call('ZSCORE', queue['waiting-children'], id)
    or redis.call('LPOS', queue.active, id)
    or redis.call('LPOS', queue.wait, id)
    or redis.call('LPOS', queue.paused, id)
    or false
end
