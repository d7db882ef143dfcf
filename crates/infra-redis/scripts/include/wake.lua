-- Leaves the signal that there may be work. One signal wakes one idle worker, which passes it on
-- while there is more.
local function wake(queue)
  call('ZADD', queue.marker, 0, '0')
end

-- When the earliest delayed job is due, in Unix milliseconds; nil if none is delayed.
local function next_due(queue)
  local first = call('ZRANGE', queue.delayed, 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2]) / 4096
end

-- Leaves the signal that tells idle workers until when they may sleep.
local function wake_at_next_due(queue)
  local due = next_due(queue)
  if due then call('ZADD', queue.marker, due, '1') end
end
