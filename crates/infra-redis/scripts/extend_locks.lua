--[[
  extend_locks - keep jobs from being taken for stalled while they are worked.
  Why a script: a lock may only be extended by its owner, so looking and extending are one step.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 lock duration (ms); then 2 a job: id   token
  RETURNS  the ids whose lock is gone or somebody else's
]]
local queue = queue_at(ARGV[1])
local lost = {}
for at = 3, #ARGV, 2 do
  local id, token = ARGV[at], ARGV[at + 1]
  local lock = queue.prefix .. id .. ':lock'
  if redis.call('GET', lock) == token then
    redis.call('SET', lock, token, 'PX', ARGV[2])
    redis.call('SREM', queue.stalled, id)
  else
    lost[#lost + 1] = id
  end
end
return lost
