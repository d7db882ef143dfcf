-- Settles a job. What most do, which is to complete and to concern no other job, is written out
-- here: each function of a script is made anew in every call, and costs more than what it does.
local function settle(queue, settings, now, job)
  if job.kind ~= 'completed' or put_off.may_have_children then
    return rare().settle_otherwise(queue, settings, now, job)
  end
  local key = queue.prefix .. job.id
  local fields = job.fields
    or call('HMGET', key, 'processedOn', 'atm', 'deid', 'parentKey', 'parent', 'defa')
  if not fields[1] or job.owner ~= job.token
    or fields[3] or fields[4] or fields[5] or fields[6] then
    job.fields = fields
    return rare().settle_otherwise(queue, settings, now, job)
  end
  -- Another clock may have told when it began.
  now = math.max(now, tonumber(fields[1]) or 0)
  local gone, let_go = put_off.gone, put_off.let_go
  gone[#gone + 1] = key .. ':lock'
  let_go[#let_go + 1] = job.id
  if call('LREM', queue.active, -1, job.id) == 0 then return -3 end
  if job.keep == '0' then
    for _, each in ipairs({ job_keys(key) }) do gone[#gone + 1] = each end
  else
    call('HSET', key, 'atm', (tonumber(fields[2]) or 0) + 1,
      'returnvalue', job.value, 'finishedOn', now)
    put_off_finished(queue, now, job)
  end
  -- Trimming with this entry spares a call of its own for it.
  call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', 'completed', 'jobId', job.id, 'returnvalue', job.value, 'prev', 'active')
  put_off.counts.completed = (put_off.counts.completed or 0) + 1
  return 0
end
