-- One job with no option that concerns its place, as most are. It is added here, and nothing of what
-- follows is made for it.
if ARGV[1] == '1' and ARGV[4] == '1' and ARGV[5] == '' then
  local prefix = ARGV[2]
  local settings = call('HMGET', KEYS[1], 'paused', 'concurrency', 'opts.maxLenEvents')
  -- The first call for a queue writes down what is lacking.
  if settings[3] then
    local number = call('INCR', prefix .. 'id')
    local id = string.format(number < 2 ^ 31 and '%d' or '%.0f', number)
    local events = prefix .. 'events'
    call('HSET', prefix .. id, 'name', ARGV[6], 'data', ARGV[7], 'opts', ARGV[8],
      'timestamp', ARGV[9], 'delay', '0', 'priority', '0')
    call('XADD', events, '*', 'event', 'added', 'jobId', id, 'name', ARGV[6])
    call('LPUSH', prefix .. 'wait', id)
    call('XADD', events, 'MAXLEN', '~', settings[3], '*', 'event', 'waiting', 'jobId', id)
    local limit = tonumber(settings[2])
    if not settings[1] and not (limit and call('LLEN', prefix .. 'active') >= limit) then
      call('ZADD', prefix .. 'marker', '0', '0')
    end
    return { id }
  end
end
