-- Whether a job is the one that an existing scheduler made for its next iteration. Removing it
-- would end the series.
local function is_pending_of_scheduler(queue, id)
  if string.sub(id, 1, 7) ~= 'repeat:' then return false end
  local scheduler = call('HGET', queue.prefix .. id, 'rjk')
  local next_at = scheduler and call('ZSCORE', queue['repeat'], scheduler)
  return next_at
    and id == 'repeat:' .. scheduler .. ':' .. string.format('%.0f', tonumber(next_at))
    or false
end
