-- One job with no option that concerns its place, as most are. It is added here, and nothing of what
-- follows is made for it.
local ARGV = ARGV
if #ARGV == 4 then
  local name = ARGV[1]
  local prefix = string.sub(KEYS[1], 1, -5)
  local settings = call('HMGET', KEYS[1], 'paused', 'concurrency', 'opts.maxLenEvents')
  -- The first call for a queue writes down what is lacking.
  if settings[3] then
    local number = call('INCR', prefix .. 'id')
    local id = string.format(number < 2 ^ 31 and '%d' or '%.0f', number)
    local events = prefix .. 'events'
    call('HSET', prefix .. id, 'name', name, 'data', ARGV[2], 'opts', ARGV[3],
      'timestamp', ARGV[4], 'delay', '0', 'priority', '0')
    call('XADD', events, '*', 'event', 'added', 'jobId', id, 'name', name)
    call('LPUSH', prefix .. 'wait', id)
    call('XADD', events, 'MAXLEN', '~', settings[3], '*', 'event', 'waiting', 'jobId', id)
    local limit = tonumber(settings[2])
    if not settings[1] and not (limit and call('LLEN', prefix .. 'active') >= limit) then
      call('ZADD', prefix .. 'marker', '0', '0')
    end
    return { id }
  end
  ARGV = { '1', prefix, '1', '1', '', name, ARGV[2], ARGV[3], ARGV[4] }
end
