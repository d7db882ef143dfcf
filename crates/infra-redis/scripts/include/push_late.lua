-- Jobs are pushed late, so that one push serves many of them. Nobody can tell, since a call is one
-- step; whatever looks at other jobs pushes them first.
local late = { waiting = {}, prioritized = {} }

local function push_all()
  local queue = late.queue
  if #late.waiting > 0 then
    call('LPUSH', queue.wait, unpack(late.waiting))
    late.waiting = {}
  end
  if #late.prioritized > 0 then
    rare().push_prioritized(queue, late.prioritized)
    late.prioritized = {}
  end
end

local function push_late(queue, id, priority)
  if late.queue ~= queue then
    push_all()
    late.queue = queue
  end
  if priority > 0 then
    late.prioritized[#late.prioritized + 1] = { id = id, priority = priority }
  else
    late.waiting[#late.waiting + 1] = id
  end
end

-- Moves a queue's counter, and returns a job's id: its own, or else the number. `%d` costs half of
-- `%.0f`; a server of 32 bits can't write larger numbers with it.
local function next_id(target, own)
  local number
  if target.counter then
    number = target.counter + 1
    target.counter = number
  else
    number = call('INCR', target.queue.id)
  end
  return own or string.format(number < 2 ^ 31 and '%d' or '%.0f', number)
end
