-- Removing single jobs, with their children.

-- The queue and id behind a child's key. Ids may hold colons, so the queue is the one that has
-- settings, not just what stands before the last colon.
local function job_at(key)
  local prefix = string.match(key, '^(.*:)')
  while prefix do
    if call('EXISTS', prefix .. 'meta') == 1 then
      return queue_at(prefix), string.sub(key, #prefix + 1)
    end
    prefix = string.match(prefix, '^(.*:)[^:]*:$')
  end
  return split_job_key(key)
end

-- Whether a worker holds the job or, with children, one of those that are not done.
local is_locked
function is_locked(queue, id, with_children)
  local key = queue.prefix .. id
  if call('EXISTS', key .. ':lock') == 1 then return true end
  if with_children then
    for _, child in ipairs(call('SMEMBERS', key .. ':dependencies')) do
      local child_queue, child_id = job_at(child)
      if is_locked(child_queue, child_id, true) then return true end
    end
  end
  return false
end

-- Takes a job out of the state it is in. Returns the state's name.
local function take_out(queue, id)
  for _, name in ipairs({ 'completed', 'waiting-children', 'delayed', 'failed', 'prioritized' }) do
    if call('ZREM', queue[name], id) == 1 then return name end
  end
  for _, name in ipairs({ 'wait', 'paused', 'active' }) do
    if call('LREM', queue[name], 0, id) > 0 then return name end
  end
  return 'unknown'
end

-- Where a job's children are noted. Those that are not done come last, so that a parent whose
-- children are removed over several calls goes on waiting until the call that removes it too.
local CHILD_PLACES = {
  { suffix = ':processed', read = 'HRANDFIELD', forget = 'HDEL' },
  { suffix = ':failed', read = 'HRANDFIELD', forget = 'HDEL' },
  { suffix = ':unsuccessful', read = 'ZRANDMEMBER', forget = 'ZREM' },
  { suffix = ':dependencies', read = 'SRANDMEMBER', forget = 'SREM' },
}

local remove_job

local function remove_children(key, budget)
  for _, place in ipairs(CHILD_PLACES) do
    -- One more than may be removed, to see that some are left.
    local children = call(place.read, key .. place.suffix, math.max(budget.left, 0) + 1)
    for _, child in ipairs(children) do
      local queue, id = job_at(child)
      if not remove_job(queue, id, true, budget, key) then return false end
      call(place.forget, key .. place.suffix, child)
    end
  end
  return true
end

-- Removes a job. Returns false, with some of its children removed, if more than `budget.left` jobs
-- would have to be, or if a worker holds one of them, which `budget.is_locked` then tells. `doomed`
-- is the key of a parent that is removed next and must not be released by its own children.
function remove_job(queue, id, with_children, budget, doomed)
  if budget.left <= 0 then return false end
  local key = queue.prefix .. id
  if call('EXISTS', key .. ':lock') == 1 then
    budget.is_locked = true
    return false
  end
  local fields = call('HMGET', key, 'parentKey', 'deid')
  if fields[1] ~= doomed then detach(queue, key, false) end
  if with_children and not remove_children(key, budget) then return false end
  budget.left = budget.left - 1
  local previous = take_out(queue, id)
  release_deduplication(queue, id, fields[2])
  if drop_job(queue, id) > 0 then
    call('XADD', queue.events, 'MAXLEN', '~', read_settings(queue).max_events, '*',
      'event', 'removed', 'jobId', id, 'prev', previous)
  end
  return true
end
