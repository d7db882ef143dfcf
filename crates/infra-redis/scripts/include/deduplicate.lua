-- Decides whether a job that is being added stands for itself. Returns the id of the job that
-- stands for it already, or nil if it is to be stored.
--
-- `rule` holds `id`, and `ttl` (ms), `extend`, `replace`, `keep_last` and `reschedule` if set.
local function deduplicate(queue, settings, id, job, rule)
  local owner_key = queue.prefix .. 'de:' .. rule.id
  local next_key = queue.prefix .. 'dn:' .. rule.id
  local ttl = not rule.keep_last and rule.ttl or nil

  local function own()
    if ttl then
      call('SET', owner_key, id, 'PX', ttl)
    else
      call('SET', owner_key, id)
    end
    return nil
  end
  local function tell(kept, dropped)
    call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
      'event', 'deduplicated', 'jobId', kept, 'deduplicationId', rule.id,
      'deduplicatedJobId', dropped)
  end
  -- An owner that was removed without letting go of its id holds it for ever.
  local function is_stale(current)
    return call('PTTL', owner_key) == -1
      and call('EXISTS', queue.prefix .. current) == 0
  end
  -- While the owner is at work the newcomer is held back, and follows it.
  local function hold_back(current)
    if not rule.keep_last or not call('LPOS', queue.active, current) then return false end
    local fields = { 'name', job.name, 'data', job.data, 'opts', job.opts, 'jid', id }
    local function set(name, value)
      if value and value ~= '' then
        fields[#fields + 1] = name
        fields[#fields + 1] = value
      end
    end
    set('pk', job.parent_key)
    set('pd', job.parent)
    if job.parent_key ~= '' then set('pdk', job.parent_key .. ':dependencies') end
    set('rjk', job.scheduler)
    call('DEL', next_key)
    call('HSET', next_key, unpack(fields))
    call('PERSIST', owner_key)
    tell(current, id)
    return true
  end

  local current = call('GET', owner_key)
  if not current then return own() end
  if rule.replace and not job.is_parent and call('ZREM', queue.delayed, current) == 1 then
    last_scores = {}
    drop_job(queue, current)
    call('XADD', queue.events, '*', 'event', 'removed', 'jobId', current,
      'prev', 'delayed')
    tell(id, current)
    call('DEL', next_key)
    if ttl and not rule.extend then
      call('SET', owner_key, id, 'KEEPTTL')
      return nil
    end
    return own()
  end
  if is_stale(current) then
    call('DEL', owner_key, next_key)
    return own()
  end
  if hold_back(current) then return current end
  if rule.replace and not job.is_parent then return current end
  if rule.extend and rule.ttl then
    if ttl then
      call('SET', owner_key, current, 'PX', ttl)
    else
      call('SET', owner_key, current)
    end
  end
  tell(current, id)
  if rule.reschedule and not job.is_parent
    and call('EXISTS', queue.prefix .. current) == 1
    and call('ZREM', queue.delayed, current) == 1 then
    last_scores = {}
    call('HSET', queue.prefix .. current, 'delay', job.delay)
    push_delayed(queue, settings, current, tonumber(job.timestamp) + tonumber(job.delay))
    wake_at_next_due(queue)
  end
  return current
end
