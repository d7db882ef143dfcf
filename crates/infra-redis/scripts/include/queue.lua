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
  return setmetatable({
    prefix = prefix,
    -- Nearly every call needs these, and a look that misses costs more.
    meta = prefix .. 'meta',
    wait = prefix .. 'wait',
    active = prefix .. 'active',
    events = prefix .. 'events',
  }, key_by_name)
end

-- The keys that a job is stored in, its lock not among them.
local function job_keys(key)
  return key, key .. ':logs', key .. ':dependencies', key .. ':processed', key .. ':failed',
    key .. ':unsuccessful'
end
