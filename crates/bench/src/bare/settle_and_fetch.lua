-- Completes jobs and fetches the next: what other clients of the queue see of that. Whose locks they
-- are, what a job's parent waits for, what is due, paused or limited: nothing of it is asked for.
-- KEYS: wait, active, events, marker, completed, stalled
-- ARGV: the prefix of the jobs' keys, the time (absent: the server's), the token, how long a lock
--   lasts, whether completed jobs are kept, how many to fetch, the ids of the jobs to complete
local call = redis.call
local prefix, now, token, lasts = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if now == '' then
  -- This call was sent before the job was there.
  local time = call('TIME')
  now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end

if #ARGV > 6 then
  local gone, ids, scored = {}, {}, {}
  for i = 7, #ARGV do
    local id = ARGV[i]
    local job = prefix .. id
    call('LREM', KEYS[2], -1, id)
    ids[#ids + 1] = id
    gone[#gone + 1] = job .. ':lock'
    if ARGV[5] == '1' then
      call('HSET', job, 'returnvalue', 'null', 'finishedOn', now, 'atm', '1')
      scored[#scored + 1] = now
      scored[#scored + 1] = id
    else
      gone[#gone + 1] = job
    end
    call('XADD', KEYS[3], 'MAXLEN', '~', '10000', '*', 'event', 'completed', 'jobId', id,
      'returnvalue', 'null', 'prev', 'active')
  end
  call('DEL', unpack(gone))
  call('SREM', KEYS[6], unpack(ids))
  if #scored > 0 then
    call('ZADD', KEYS[5], unpack(scored))
  end
end

local fetched = call('RPOP', KEYS[1], ARGV[6])
if not fetched then
  if call('LLEN', KEYS[2]) == 0 then
    call('XADD', KEYS[3], '*', 'event', 'drained')
  end
  return {}
end
call('LPUSH', KEYS[2], unpack(fetched))
local answer = {}
for _, id in ipairs(fetched) do
  local job = prefix .. id
  call('SET', job .. ':lock', token, 'PX', lasts)
  local held = call('HMGET', job, 'data', 'ats')
  call('HSET', job, 'processedOn', now, 'ats', (tonumber(held[2]) or 0) + 1)
  call('XADD', KEYS[3], '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
  answer[#answer + 1] = id
  answer[#answer + 1] = held[1]
end
if call('LLEN', KEYS[1]) > 0 then
  call('ZADD', KEYS[4], '0', '0')
end
return answer
