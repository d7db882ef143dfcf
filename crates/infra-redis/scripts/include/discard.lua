-- Removing many jobs because a queue is emptied. It announces none of them.

-- Removes what is stored about a job that is in no state any more. A parent in the same queue that
-- waited for it alone goes with it.
local function discard(queue, id)
  local key = queue.prefix .. id
  detach(queue, key, true)
  release_deduplication(queue, id, call('HGET', key, 'deid'))
  drop_job(queue, id)
end

local function is_list(name)
  return name == 'wait' or name == 'paused' or name == 'active'
end

-- Looks at up to `window.look` jobs of a state, those first that were there first, and discards the
-- unwanted ones, at most `window.most`. `window.kept` tells how many it passes over because an
-- earlier call kept them; `window.highest` ends a sorted set early. Returns the ids discarded, how
-- many are kept by now, and whether the end was reached.
local function sweep(queue, name, window, is_unwanted)
  local place, kept = queue[name], window.kept
  local ids
  if is_list(name) then
    ids = call('LRANGE', place, -(kept + window.look), -(kept + 1))
  else
    ids = call('ZRANGEBYSCORE', place, '-inf', window.highest or '+inf',
      'LIMIT', kept, window.look)
  end
  local discarded = {}
  for n = 1, #ids do
    if #discarded == window.most then return discarded, kept, false end
    -- The tail of a list was there first.
    local id = is_list(name) and ids[#ids + 1 - n] or ids[n]
    if is_unwanted(id) then
      discarded[#discarded + 1] = id
      if is_list(name) then call('LSET', place, -(window.kept + n), '0:discarded') end
    else
      kept = kept + 1
    end
  end
  return discarded, kept, #ids < window.look
end

-- Ends a sweep: takes the ids out of their state and removes the jobs.
local function discard_all(queue, name, ids)
  if #ids == 0 then return end
  if is_list(name) then
    -- One pass over the list, however far from its end the ids stood.
    call('LREM', queue[name], -#ids, '0:discarded')
  else
    call('ZREM', queue[name], unpack(ids))
  end
  for _, id in ipairs(ids) do discard(queue, id) end
end
