--[[
  change_priority - give a job another priority and, if it is ready, another place.
  Why a script: a worker must not find the job in two places, or in none.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id   3 priority   4 1 = before the others of that priority
  RETURNS  0, or a negative code: -1 the job is missing
]]
local queue = queue_at(ARGV[1])
local id, priority, is_first = ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local key = queue.prefix .. id
if call('EXISTS', key) == 0 then return -1 end
if call('ZREM', queue.prioritized, id) == 1
  or call('LREM', queue.wait, -1, id) == 1 then
  if priority > 0 and is_first then
    call('ZADD', queue.prioritized, priority * 4294967296, id)
  else
    if is_first then
      call('RPUSH', queue.wait, id)
    else
      push_ready(queue, id, priority)
    end
    if not is_blocked(queue, read_settings(queue)) then wake(queue) end
  end
end
call('HSET', key, 'priority', priority)
return 0
