-- Deduplication: `de:<id>` names the job that stands for all those added under the same id, and
-- `dn:<id>` holds the one that is to follow it.

-- Lets go of an id when the job that holds it is removed.
local function release_deduplication(queue, job_id, deduplication_id)
  if not deduplication_id then return end
  local owner = queue.prefix .. 'de:' .. deduplication_id
  if call('GET', owner) == job_id then
    call('DEL', owner, queue.prefix .. 'dn:' .. deduplication_id)
  end
end

-- Lets go of an id when the job that holds it is finished. An id that was given a time to live
-- stays until that is over.
local function finish_deduplication(queue, job_id, deduplication_id)
  local owner = queue.prefix .. 'de:' .. deduplication_id
  local ttl = call('PTTL', owner)
  if ttl == 0 or (ttl == -1 and call('GET', owner) == job_id) then
    call('DEL', owner)
  end
end

-- Adds the job that was held back while the one that just finished was at work.
local function requeue_deduplicated(queue, settings, now, deduplication_id)
  local next_key = queue.prefix .. 'dn:' .. deduplication_id
  local flat = call('HGETALL', next_key)
  if #flat == 0 then return end
  local held = {}
  for i = 1, #flat, 2 do held[flat[i]] = flat[i + 1] end
  call('DEL', next_key)
  local counter = call('INCR', queue.id)
  local id = held.jid or string.format('%.0f', counter)
  local opts = cjson.decode(held.opts or '{}')
  local rule = type(opts.de) == 'table' and opts.de or {}
  local owner = queue.prefix .. 'de:' .. deduplication_id
  if rule.ttl and not rule.keepLastIfActive then
    call('SET', owner, id, 'PX', rule.ttl)
  else
    call('SET', owner, id)
  end
  store_and_enqueue(queue, settings, id, {
    name = held.name,
    data = held.data,
    opts = held.opts,
    timestamp = string.format('%.0f', now),
    delay = tostring(opts.delay or 0),
    priority = tostring(opts.priority or 0),
    lifo = opts.lifo,
    parent_key = held.pk,
    parent = held.pd,
    scheduler = held.rjk,
    deduplication_id = deduplication_id,
  })
  if held.pdk then call('SADD', held.pdk, queue.prefix .. id) end
end
