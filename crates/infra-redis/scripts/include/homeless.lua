-- Jobs that stand nowhere: stored, in no state, and held by no worker.

local PLACES = { 'completed', 'failed', 'delayed', 'prioritized', 'waiting-children' }
local LISTS = { 'active', 'wait', 'paused' }

local function stands_somewhere(queue, id)
  for _, name in ipairs(PLACES) do
    if call('ZSCORE', queue[name], id) then return true end
  end
  for _, name in ipairs(LISTS) do
    if call('LPOS', queue[name], id) then return true end
  end
  return false
end

-- A queue's other hashes are named like jobs, and only jobs have a time at which they were added.
local function is_job(key, id)
  if call('TYPE', key).ok ~= 'hash' then return false end
  if call('HEXISTS', key, 'timestamp') == 1 then return true end
  for _, other in ipairs({ '^dn:', '^repeat:', '^metrics:', ':processed$', ':failed$' }) do
    if string.find(id, other) then return false end
  end
  return true
end

local function is_homeless(queue, id)
  local key = queue.prefix .. id
  return is_job(key, id)
    and call('EXISTS', key .. ':lock') == 0
    and not stands_somewhere(queue, id)
end
