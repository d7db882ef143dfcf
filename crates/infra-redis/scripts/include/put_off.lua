-- Effects that a call puts off, to carry them out once for all the jobs it settles. Nobody sees the
-- difference: a call is one step, and whatever looks at other jobs carries them out first.
--
-- `gone` holds keys that are deleted, `let_go` the ids of jobs that are not suspected of having
-- stalled any more, `kept` the finished jobs of one kind, and the rule by which they are trimmed.
local put_off = { gone = {}, let_go = {}, counts = {} }

local function carry_out(queue)
  if #put_off.gone > 0 then
    call('DEL', unpack(put_off.gone))
    put_off.gone = {}
  end
  if #put_off.let_go > 0 then
    call('SREM', queue.stalled, unpack(put_off.let_go))
    put_off.let_go = {}
  end
  local kept = put_off.kept
  if kept then
    put_off.kept = nil
    call('ZADD', queue[kept.kind], unpack(kept.members))
    if kept.rule ~= '-1' then
      trim_finished(queue, queue[kept.kind], kept.now, kept.rule, #kept.members / 2)
    end
  end
  if put_off.tells_due then
    put_off.tells_due = nil
    rare().wake_at_next_due(queue)
  end
  if put_off.wakes then
    put_off.wakes = nil
    rare().wake(queue)
  end
end

-- Adds a finished job to those of its kind. Jobs that keep alike are added, and trimmed, together.
local function put_off_finished(queue, now, kind, rule, id)
  local kept = put_off.kept
  if kept and (kept.kind ~= kind or kept.rule ~= rule) then
    carry_out(queue)
    kept = nil
  end
  if not kept then
    kept = { kind = kind, rule = rule, now = tonumber(now), members = {} }
    put_off.kept = kept
  end
  local members = kept.members
  local size = #members
  members[size + 1], members[size + 2] = now, id
end
