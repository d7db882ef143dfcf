-- One job with no option that concerns its place, as most are. It is added here, and nothing of what
-- follows is made for it.
if ARGV[1] == '1' and ARGV[4] == '1' and ARGV[5] == '' then
  local queue = queue_at(ARGV[2])
  local settings = read_settings(queue)
  local id = string.format('%.0f', call('INCR', queue.id))
  store_fields(queue, id, ARGV[6], ARGV[7], ARGV[8], ARGV[9], '0', '0')
  call('LPUSH', queue.wait, id)
  call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', 'waiting', 'jobId', id)
  if not is_blocked(queue, settings) then call('ZADD', queue.marker, 0, '0') end
  return { id }
end
