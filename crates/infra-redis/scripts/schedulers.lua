--[[
  schedulers - what some job schedulers are, those first that are due first.
  Why a script: a scheduler that is changed between two reads would show as a mixture.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 first rank or ''   3 last rank, or the id of a scheduler
  RETURNS  for each {id, next iteration (unix ms), fields of the scheduler}
]]
local queue = queue_at(ARGV[1])
local members
if ARGV[2] == '' then
  local millis = next_iteration(queue, ARGV[3])
  members = millis and { ARGV[3], millis } or {}
else
  members = call('ZRANGE', queue['repeat'], ARGV[2], ARGV[3], 'WITHSCORES')
end
local reply = {}
for at = 1, #members, 2 do
  local fields = call('HGETALL', scheduler_key(queue, members[at]))
  reply[#reply + 1] = { members[at], string.format('%.0f', tonumber(members[at + 1])), fields }
end
return reply
