--[[
  lost_schedulers - find the schedulers whose next iteration no job stands for.
  Why a script: a job that moves between two looks would be taken for lost.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 first rank   3 last rank
  RETURNS  {how many schedulers were looked at, then for each lost one
           {id, next iteration (unix ms), opts of the job if it is still stored or nil,
            fields of the scheduler}}
]]
local queue = queue_at(ARGV[1])
local members = call('ZRANGE', queue['repeat'], ARGV[2], ARGV[3], 'WITHSCORES')
local reply = { #members / 2 }
for at = 1, #members, 2 do
  local scheduler, millis = members[at], tonumber(members[at + 1])
  local id = iteration_id(scheduler, millis)
  if not is_pending(queue, id) then
    reply[#reply + 1] = {
      scheduler,
      string.format('%.0f', millis),
      call('HGET', queue.prefix .. id, 'opts'),
      call('HGETALL', scheduler_key(queue, scheduler)),
    }
  end
end
return reply
