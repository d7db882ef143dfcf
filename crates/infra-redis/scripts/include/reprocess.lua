-- Making a finished job one that is not finished.

-- Forgets how it finished, and tells its parent to wait for it again. Returns the job's fields
-- `opts` and `priority`.
local function reopen(queue, id, state)
  local key = queue.prefix .. id
  call('HDEL', key, 'finishedOn', 'processedOn',
    state == 'failed' and 'failedReason' or 'returnvalue')
  local fields = call('HMGET', key, 'parentKey', 'opts', 'priority', 'defa')
  -- Another client may have completed a job that was to be cancelled.
  if is_cancelled(fields[4]) then call('HDEL', key, 'defa') end
  local parent_key = fields[1]
  if parent_key and call('EXISTS', parent_key) == 1 then
    local was_done
    if state == 'failed' then
      was_done = call('ZREM', parent_key .. ':unsuccessful', key)
        + call('HDEL', parent_key .. ':failed', key)
    else
      was_done = call('HDEL', parent_key .. ':processed', key)
    end
    if was_done > 0 then call('SADD', parent_key .. ':dependencies', key) end
  end
  return fields[2], tonumber(fields[3] or 0) or 0
end
