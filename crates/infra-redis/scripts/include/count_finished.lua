-- Counts finished jobs, and closes the points of the minutes that have passed.
local function count_finished(queue, kind, added, now, max_points)
  local key = queue.prefix .. 'metrics:' .. kind
  local count = call('HINCRBY', key, 'count', added) - added
  local previous = call('HMGET', key, 'prevTS', 'prevCount')
  if not previous[1] then
    call('HSET', key, 'prevTS', now, 'prevCount', 0)
    return
  end
  local minutes = math.floor(now / 60000) - math.floor(tonumber(previous[1]) / 60000)
  minutes = math.min(minutes, max_points)
  if minutes <= 0 then return end
  local data = key .. ':data'
  call('LPUSH', data, count - tonumber(previous[2] or 0))
  for _ = 2, minutes do call('LPUSH', data, 0) end
  call('LTRIM', data, 0, max_points - 1)
  call('HSET', key, 'prevCount', count, 'prevTS', now)
end
