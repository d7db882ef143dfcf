-- Takes a job that is being removed away from its parent, which may run if it waited for no other.
-- A `hard` removal takes a parent in the same queue with it, because the whole queue is emptied.
local detach
function detach(queue, key, is_hard)
  local parent_key = call('HGET', key, 'parentKey')
  if not parent_key or call('EXISTS', parent_key) == 0 then return end
  if call('SREM', parent_key .. ':dependencies', key) == 0
    or call('SCARD', parent_key .. ':dependencies') > 0 then
    return
  end
  local parent_queue, parent_id = parent_of(parent_key, call('HGET', key, 'parent'))
  if call('ZREM', parent_queue['waiting-children'], parent_id) == 0 then return end
  if is_hard and parent_queue.prefix == queue.prefix then
    detach(queue, parent_key, true)
    release_deduplication(parent_queue, parent_id, call('HGET', parent_key, 'deid'))
    drop_job(parent_queue, parent_id)
    return
  end
  call('RPUSH', parent_queue.wait, parent_id)
  if not is_blocked(parent_queue, read_settings(parent_queue)) then wake(parent_queue) end
  if not is_hard then
    call('XADD', parent_queue.events, '*', 'event', 'waiting', 'jobId', parent_id,
      'prev', 'waiting-children')
  end
end
