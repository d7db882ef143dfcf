-- What a job's end means to those it was deduplicated with, and to its parent. Returns whether it
-- has one.
local function tell_relatives(queue, settings, now, job, fields)
  local deduplication_id, parent_key, parent_json = fields[3], fields[4], fields[5]
  if not (deduplication_id or parent_key or parent_json) then return false end
  carry_out(queue)
  if deduplication_id then
    finish_deduplication(queue, job.id, deduplication_id)
    -- What was held back may be a child of another job of this call.
    put_off.may_have_children = true
    requeue_deduplicated(queue, settings, now, deduplication_id)
  end
  local parent_queue, parent_id, policy = parent_of(parent_key, parent_json)
  if not parent_queue then return false end
  local key = queue.prefix .. job.id
  if job.kind == 'failed' then
    child_failed(parent_queue, parent_id, policy, key, job.value, now)
  else
    child_completed(parent_queue, parent_id, key, job.value, now)
  end
  return true
end

-- Ends a job for good, as `completed` or as `failed`.
local function finish(queue, settings, now, job)
  local key = queue.prefix .. job.id
  local has_failed = job.kind == 'failed'
  if put_off.may_have_children and not has_failed then
    local code = children_allow(key)
    if code < 0 then
      -- The job's own state outranks its children's, as it does in other clients.
      if call('EXISTS', key) == 0 then return -1 end
      return code
    end
  end
  local code, fields = let_go(queue, job, 'atm', 'deid', 'parentKey', 'parent', 'defa')
  if code < 0 then return code end
  -- Another clock may have told when it began.
  now = math.max(now, tonumber(fields[1]) or 0)

  local has_parent = tell_relatives(queue, settings, now, job, fields)
  local attempts_made = (tonumber(fields[2]) or 0) + 1
  local value_field = has_failed and 'failedReason' or 'returnvalue'
  if job.keep == '0' then
    if has_parent then detach(queue, key, false) end
    if has_failed or put_off.may_have_children then
      drop_job(queue, job.id)
    else
      put_off_drop(key)
    end
  else
    if has_failed then
      call('HSET', key, 'atm', attempts_made, value_field, job.value,
        'stacktrace', job.stacktrace, 'finishedOn', now)
      if job.telemetry ~= '' then call('HSET', key, 'tm', job.telemetry) end
      if fields[6] then call('HDEL', key, 'defa') end
    else
      call('HSET', key, 'atm', attempts_made, value_field, job.value, 'finishedOn', now)
      -- It was done before the wish to cancel it was known. Should it be retried, it is to run.
      if is_cancelled(fields[6]) then call('HDEL', key, 'defa') end
    end
    put_off_finished(queue, now, job.kind, job.keep, job.id)
  end
  -- Trimming with this entry spares a call of its own for it.
  call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', job.kind, 'jobId', job.id, value_field, job.value, 'prev', 'active')
  if has_failed and attempts_made >= job.attempts then
    call('XADD', queue.events, '*', 'event', 'retries-exhausted',
      'jobId', job.id, 'attemptsMade', attempts_made)
  end
  put_off.counts[job.kind] = (put_off.counts[job.kind] or 0) + 1
  return 0
end
