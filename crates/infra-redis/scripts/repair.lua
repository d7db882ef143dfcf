--[[
  repair - put one thing right, if it is still wrong.
  Why a script: what was found may have been put right by a worker meanwhile.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 what is wrong: missing | unheld | homeless   3 id
        4 the state's key, with `missing`   5 now (unix ms)
  RETURNS  1 if it was wrong and is right now, else 0
]]
local queue = queue_at(ARGV[1])
local wrong, id, name, now = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local key = queue.prefix .. id
local settings = read_settings(queue)

local function announce(previous)
  local fields = { 'event', 'waiting', 'jobId', id }
  if previous then
    fields[5], fields[6] = 'prev', previous
  end
  call('XADD', queue.events, '*', unpack(fields))
  if not is_blocked(queue, settings) then wake(queue) end
end

-- The id stands for nothing: it goes.
if wrong == 'missing' then
  if call('EXISTS', key) == 1 then return 0 end
  if name == 'wait' or name == 'paused' or name == 'active' then
    return call('LREM', queue[name], 0, id) > 0 and 1 or 0
  end
  return call('ZREM', queue[name], id)
end

-- The job lost its worker: it waits again, first, as the check for stalled jobs lets it.
if wrong == 'unheld' then
  if call('EXISTS', key) == 0 or call('EXISTS', key .. ':lock') == 1
    or call('LREM', queue.active, 0, id) == 0 then
    return 0
  end
  call('SREM', queue.stalled, id)
  call('HINCRBY', key, 'stc', 1)
  call('RPUSH', queue.wait, id)
  announce('active')
  call('XADD', queue.events, '*', 'event', 'stalled', 'jobId', id)
  return 1
end

-- The job goes where its own fields say that it belongs.
if not is_homeless(queue, id) then return 0 end
local fields = call('HMGET', key, 'finishedOn', 'returnvalue', 'timestamp', 'delay',
  'priority')
local finished_on = tonumber(fields[1])
if finished_on then
  call('ZADD', queue[fields[2] and 'completed' or 'failed'], finished_on, id)
  return 1
end
if call('EXISTS', key .. ':dependencies') == 1 then
  call('ZADD', queue['waiting-children'], now, id)
  call('XADD', queue.events, '*', 'event', 'waiting-children', 'jobId', id)
  return 1
end
local due = (tonumber(fields[3]) or 0) + (tonumber(fields[4]) or 0)
if due > now then
  push_delayed(queue, settings, id, due)
  wake_at_next_due(queue)
else
  push_ready(queue, id, tonumber(fields[5]) or 0)
  announce()
end
return 1
