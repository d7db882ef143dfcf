--[[
  resume - let jobs start again, those first that a 5.x client put aside in `paused`.
  Why a script: the two lists must be merged without losing or reordering an id.
  Moves at most 7000 ids a call, so that it never blocks the server for long.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix
  RETURNS  1 if ids are left in `paused` and the call must be repeated, else 0
]]
local queue = queue_at(ARGV[1])
call('HDEL', queue.meta, 'paused')
local legacy = call('LRANGE', queue.paused, 0, 6999)
if #legacy > 0 then
  call('LTRIM', queue.paused, #legacy, -1)
  for from = 1, #legacy, 5000 do
    call('RPUSH', queue.wait, unpack(legacy, from, math.min(from + 4999, #legacy)))
  end
  if call('EXISTS', queue.paused) == 1 then return 1 end
end
if call('EXISTS', queue.wait, queue.prioritized) > 0 then
  wake(queue)
else
  wake_at_next_due(queue)
end
call('XADD', queue.events, '*', 'event', 'resumed')
return 0
