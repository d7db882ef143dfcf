-- Whether a job of a scheduler is yet to be worked, or at work: until then the series goes on by
-- itself.
local function is_pending(queue, id)
  local key = queue.prefix .. id
  if call('EXISTS', key) == 0 or call('HEXISTS', key, 'finishedOn') == 1 then
    return false
  end
  return call('ZSCORE', queue.delayed, id)
    or call('ZSCORE', queue.prioritized, id)
    or call('ZSCORE', queue['waiting-children'], id)
    or call('LPOS', queue.active, id)
    or call('LPOS', queue.wait, id)
    or call('LPOS', queue.paused, id)
    or false
end
