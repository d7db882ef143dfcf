-- Settles a job that completed, of which ARGV tells from `at` on. What most do, which is to concern no
-- other job, is written out here: each function of a script is made anew in every call, and costs more
-- than what it does, as would a table for each job.
local function complete(queue, settings, now, at, key, lock, owner)
  local id, fields = ARGV[at + 1], known.fields
  if not fields and not put_off.may_have_children then
    fields = call('HMGET', key, 'processedOn', 'atm', 'deid', 'parentKey', 'parent', 'defa')
  end
  if put_off.may_have_children or not fields[1] or owner ~= ARGV[at + 2]
    or fields[3] or fields[4] or fields[5] or fields[6] then
    return rare().settle_otherwise(queue, settings, now, {
      kind = 'completed', id = id, token = ARGV[at + 2], owner = owner, fields = fields,
      value = ARGV[at + 3], keep = ARGV[at + 4],
    })
  end
  local gone, let_go = put_off.gone, put_off.let_go
  local size = #gone
  gone[size + 1] = lock
  let_go[#let_go + 1] = id
  if call('LREM', queue.active, '-1', id) == 0 then return -3 end
  if ARGV[at + 4] == '0' then
    gone[size + 2], gone[size + 3] = key, key .. ':logs'
    if put_off.may_have_results then
      gone[size + 4], gone[size + 5] = key .. ':processed', key .. ':failed'
    end
  else
    -- Another clock may have told when it began.
    local finished_on = (tonumber(fields[1]) or 0) > now and fields[1] or now
    call('HSET', key, 'atm', (tonumber(fields[2]) or 0) + 1,
      'returnvalue', ARGV[at + 3], 'finishedOn', finished_on)
    put_off_finished(queue, finished_on, 'completed', ARGV[at + 4], id)
  end
  -- Trimming with this entry spares a call of its own for it.
  call('XADD', queue.events, 'MAXLEN', '~', settings.max_events, '*',
    'event', 'completed', 'jobId', id, 'returnvalue', ARGV[at + 3], 'prev', 'active')
  put_off.counts.completed = (put_off.counts.completed or 0) + 1
  return 0
end
