--[[
  extend_locks - keep jobs from being taken for stalled while they are worked.
  Why a script: a lock may only be extended by its owner, so looking and extending are one step.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 lock duration (ms); then 2 a job, for at least one: id   token
  RETURNS  {the ids whose lock is gone or somebody else's,
            id and reason of each job, in turn, that somebody wishes to cancel}
]]
local queue = queue_at(ARGV[1])
local ids, locks = {}, {}
for at = 3, #ARGV, 2 do
  ids[#ids + 1] = ARGV[at]
  locks[#locks + 1] = queue.prefix .. ARGV[at] .. ':lock'
end
local owners = call('MGET', unpack(locks))
local kept, lost, unwanted = {}, {}, {}
for n, id in ipairs(ids) do
  if owners[n] == ARGV[2 * n + 2] then
    call('PEXPIRE', locks[n], ARGV[2])
    kept[#kept + 1] = id
    local reason = call('HGET', queue.prefix .. id, 'defa')
    if is_cancelled(reason) then
      unwanted[#unwanted + 1] = id
      unwanted[#unwanted + 1] = reason
    end
  else
    lost[#lost + 1] = id
  end
end
if #kept > 0 then call('SREM', queue.stalled, unpack(kept)) end
return { lost, unwanted }
