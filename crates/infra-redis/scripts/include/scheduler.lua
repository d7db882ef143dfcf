-- Job schedulers: `repeat` says when the next iteration of each is due, `repeat:<id>` holds what it
-- makes, and `repeat:<id>:<millis>` is the job of the iteration at that time.

local function scheduler_key(queue, scheduler)
  return queue.prefix .. 'repeat:' .. scheduler
end

-- When a scheduler's next iteration is due, in whole milliseconds; nil if there is no such one.
local function next_iteration(queue, scheduler)
  local score = call('ZSCORE', queue['repeat'], scheduler)
  return score and tonumber(score) or nil
end

local function iteration_id(scheduler, millis)
  return 'repeat:' .. scheduler .. ':' .. string.format('%.0f', millis)
end
