-- A job whose id is in use is not added; it may still become a child of the parent given.
local function attach_existing(target, id, job)
  local queue = target.queue
  local key = queue.prefix .. id
  local old = call('HGET', key, 'parentKey')
  local has_other = old and old ~= job.parent_key and call('EXISTS', old) == 1
  if has_other and job.parent_key ~= '' then return -7 end
  if job.parent_key ~= '' then
    if call('ZSCORE', queue.completed, id) then
      local value = call('HGET', key, 'returnvalue') or 'null'
      call('HSET', job.parent_key .. ':processed', key, value)
      if not job.in_flow then
        local parent_queue, parent_id = parent_of(job.parent_key, job.parent)
        release_parent_if_free(parent_queue, parent_id, tonumber(job.timestamp))
      end
    else
      call('SADD', job.parent_key .. ':dependencies', key)
    end
    call('HSET', key, 'parentKey', job.parent_key, 'parent', job.parent)
  end
  call('XADD', queue.events, 'MAXLEN', '~', target.settings.max_events, '*',
    'event', 'duplicated', 'jobId', id)
  return id
end
