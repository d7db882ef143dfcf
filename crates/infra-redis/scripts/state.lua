--[[
  state - which state a job is in.
  Why a script: a job that moves while one looks would be found in two states or in none.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 id
  RETURNS  the state's name, or nothing if the id is in none
]]
local queue = queue_at(ARGV[1])
local id = ARGV[2]
for _, name in ipairs({ 'completed', 'failed', 'delayed', 'prioritized' }) do
  if call('ZSCORE', queue[name], id) then return name end
end
if call('LPOS', queue.active, id) then return 'active' end
-- In `paused` a 5.x client puts jobs aside; they wait too.
if call('LPOS', queue.wait, id) or call('LPOS', queue.paused, id) then
  return 'waiting'
end
if call('ZSCORE', queue['waiting-children'], id) then return 'waiting-children' end
return false
