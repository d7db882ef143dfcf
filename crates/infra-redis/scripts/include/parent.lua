-- Lets a parent run that waited for its children: at the front, at its priority, or after the delay
-- it was added with.
local function release_parent(queue, id, now)
  local settings = read_settings(queue)
  local key = queue.prefix .. id
  local fields = call('HMGET', key, 'priority', 'delay')
  local priority, delay = tonumber(fields[1] or 0) or 0, tonumber(fields[2] or 0) or 0
  if delay > 0 then
    local due = now + delay
    call('ZADD', queue.delayed, due * 4096, id)
    call('XADD', queue.events, '*', 'event', 'delayed', 'jobId', id,
      'delay', string.format('%.0f', due))
    wake_at_next_due(queue)
    return
  end
  if priority > 0 then
    call('ZADD', queue.prioritized, priority_score(queue, priority), id)
  else
    call('RPUSH', queue.wait, id)
  end
  if not is_blocked(queue, settings) then wake(queue) end
  call('XADD', queue.events, '*', 'event', 'waiting', 'jobId', id,
    'prev', 'waiting-children')
end

-- Lets a parent run if it waits and no child of it is left.
local function release_parent_if_free(queue, id, now)
  local key = queue.prefix .. id
  if call('SCARD', key .. ':dependencies') == 0 and call('EXISTS', key) == 1
    and call('ZREM', queue['waiting-children'], id) == 1 then
    release_parent(queue, id, now)
  end
end

-- Tells a parent that a child completed.
local function child_completed(parent_queue, parent_id, child_key, value, now)
  local parent_key = parent_queue.prefix .. parent_id
  if call('SREM', parent_key .. ':dependencies', child_key) == 0 then return end
  call('HSET', parent_key .. ':processed', child_key, value)
  release_parent_if_free(parent_queue, parent_id, now)
end

-- The parent of a failed child fails too: at once if it waits, else when its worker is done.
local function fail_parent(parent_queue, parent_id, child_key, now)
  local parent_key = parent_queue.prefix .. parent_id
  call('ZADD', parent_key .. ':unsuccessful', now, child_key)
  local reason = 'child ' .. child_key .. ' failed'
  local waited = call('ZREM', parent_queue['waiting-children'], parent_id) == 1
  local was_delayed = not waited and call('ZREM', parent_queue.delayed, parent_id) == 1
  if was_delayed then last_scores = {} end
  -- An id whose job is gone is dropped: it must not come back to life as a hash with one field.
  if call('EXISTS', parent_key) == 0 then return end
  if waited or was_delayed then
    if was_delayed then call('HSET', parent_key, 'delay', 0) end
    call('HSET', parent_key, 'defa', reason)
    release_parent(parent_queue, parent_id, now)
  elseif not call('ZSCORE', parent_queue.failed, parent_id)
    -- Its worker may not know yet that it is cancelled.
    and not is_cancelled(call('HGET', parent_key, 'defa')) then
    call('HSET', parent_key, 'defa', reason)
  end
end

-- Tells a parent that a child failed for good; the child's options say what that means to it.
local function child_failed(parent_queue, parent_id, policy, child_key, reason, now)
  if not (policy.fpof or policy.cpof or policy.idof or policy.rdof) then return end
  local parent_key = parent_queue.prefix .. parent_id
  if call('SREM', parent_key .. ':dependencies', child_key) == 0 then return end
  if policy.fpof then
    fail_parent(parent_queue, parent_id, child_key, now)
  elseif policy.cpof then
    call('HSET', parent_key .. ':failed', child_key, reason)
    if call('ZREM', parent_queue['waiting-children'], parent_id) == 1
      and call('EXISTS', parent_key) == 1 then
      release_parent(parent_queue, parent_id, now)
    end
  else
    release_parent_if_free(parent_queue, parent_id, now)
    if policy.idof then call('HSET', parent_key .. ':failed', child_key, reason) end
  end
end

-- A job's parent, from its fields `parentKey` and `parent`; nil if it has none. The third result
-- holds what the child's failure means to the parent.
local function parent_of(parent_key, parent_json)
  if parent_json then
    local ok, parent = pcall(cjson.decode, parent_json)
    if ok and type(parent) == 'table' and parent.id and parent.queueKey then
      return queue_at(parent.queueKey .. ':'), parent.id, parent
    end
  end
  if parent_key and parent_key ~= '' then
    local queue, id = split_job_key(parent_key)
    return queue, id, {}
  end
  return nil
end
