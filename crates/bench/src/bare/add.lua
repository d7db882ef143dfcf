-- Adds jobs: what other clients of the queue see of that, and nothing that it would have to ask for.
-- KEYS: wait, marker, id, events
-- ARGV: the prefix of the jobs' keys, the time, the data of each job
local call = redis.call
local count = #ARGV - 2
local before = call('INCRBY', KEYS[3], count) - count
local ids = {}
for i = 1, count do
  local id = string.format('%.0f', before + i)
  ids[i] = id
  call('HSET', ARGV[1] .. id, 'name', 'job', 'data', ARGV[i + 2], 'opts', '{"attempts":0}',
    'timestamp', ARGV[2], 'delay', '0', 'priority', '0')
  call('XADD', KEYS[4], '*', 'event', 'added', 'jobId', id, 'name', 'job')
  call('XADD', KEYS[4], 'MAXLEN', '~', '10000', '*', 'event', 'waiting', 'jobId', id)
end
call('LPUSH', KEYS[1], unpack(ids))
call('ZADD', KEYS[2], '0', '0')
return count
