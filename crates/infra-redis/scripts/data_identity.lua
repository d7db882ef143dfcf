--[[
  data_identity - what the server's data is known by.
  Why a script: in a cluster the server that is asked must be the one that has the queues.
  KEYS  1 meta, by which the call is routed
  ARGV  1 key prefix   2 the mark to leave where there is none
  RETURNS  the ids of the server's run and of its replication, and the mark

  A server that is started again has another run, one that takes another's place another run or
  replication, and one that was emptied has no mark.
]]
local key = ARGV[1] .. 'mark'
redis.call('SET', key, ARGV[2], 'NX')
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local replication = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
return {run or '', replication or '', redis.call('GET', key)}
