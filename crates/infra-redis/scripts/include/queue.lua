-- A queue by what its keys start with: `queue.wait` is its list of waiting jobs, and so on. Flows
-- and bulk adds reach several queues in one call, so a key is made when it is first asked for; all
-- of them share a hash tag with the key that the call was routed by.
local key_by_name = {
  __index = function(queue, name)
    local key = queue.prefix .. name
    queue[name] = key
    return key
  end,
}
local function queue_at(prefix)
  return setmetatable({ prefix = prefix }, key_by_name)
end

-- A job's queue and id from its key. The id is what follows the last colon, so the ids of scheduler
-- jobs, which hold colons, can't be told from a key alone.
local function split_job_key(key)
  local prefix, id = string.match(key, '^(.*:)([^:]*)$')
  return queue_at(prefix), id
end

-- The text of what `pcall` caught: an error of the server is a table, one of Lua a text.
local function error_text(caught)
  return type(caught) == 'table' and caught.err or tostring(caught)
end
