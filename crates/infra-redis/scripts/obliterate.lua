--[[
  obliterate - remove a paused queue and its jobs.
  Why a script: a job and its id must go in one step.
  What waits for children in other queues stays, as it does in other clients.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 how many jobs at most   3 1 = active ones too
  RETURNS  0 if the queue is gone, 1 if jobs are left and the call must be repeated; or a negative
           code: -1 the queue is not paused, -2 jobs are active
]]
local queue = queue_at(ARGV[1])
local left = tonumber(ARGV[2])
if call('HEXISTS', queue.meta, 'paused') == 0 then return -1 end
if ARGV[3] ~= '1' and call('EXISTS', queue.active) == 1 then return -2 end

local function take(name)
  local ids
  if is_list(name) then
    ids = call('LRANGE', queue[name], -left, -1)
    call('LTRIM', queue[name], 0, -(#ids + 1))
  else
    ids = call('ZRANGE', queue[name], 0, left - 1)
    call('ZREMRANGEBYRANK', queue[name], 0, #ids - 1)
  end
  left = left - #ids
  return ids
end

for _, name in ipairs({ 'active', 'delayed', 'repeat', 'completed', 'wait', 'paused',
  'prioritized', 'failed' }) do
  if call('EXISTS', queue[name]) == 1 then
    for _, id in ipairs(take(name)) do
      if name == 'repeat' then
        call('DEL', queue.prefix .. 'repeat:' .. id)
      else
        if name == 'active' then call('DEL', queue.prefix .. id .. ':lock') end
        discard(queue, id)
      end
    end
    if left == 0 then return 1 end
  end
end
call('DEL', queue.events, queue.delay, queue['stalled-check'], queue.stalled, queue.id,
  queue.pc, queue.marker, queue.meta, queue['metrics:completed'],
  queue['metrics:completed:data'], queue['metrics:failed'], queue['metrics:failed:data'])
return 0
