-- Stores the fields of a job that every job has, and those given besides, and announces it.
local function store_fields(queue, id, name, data, opts, timestamp, delay, priority, ...)
  call('HSET', queue.prefix .. id, 'name', name, 'data', data, 'opts', opts,
    'timestamp', timestamp, 'delay', delay, 'priority', priority, ...)
  call('XADD', queue.events, '*', 'event', 'added', 'jobId', id, 'name', name)
end
