-- A job's queue and id from its key. The id is what follows the last colon, so the ids of scheduler
-- jobs, which hold colons, can't be told from a key alone.
local function split_job_key(key)
  local prefix, id = string.match(key, '^(.*:)([^:]*)$')
  return queue_at(prefix), id
end
