-- The jobs that a call gave out whose answer was lost, and the tokens that it left over. The jobs
-- are active and locked, and nobody works them. Their locks start anew, because the worker counts
-- their age from this call.
local function given_out(queue, worker, tokens)
  local is_ours = {}
  for _, token in ipairs(tokens) do is_ours[token] = true end
  local jobs = {}
  for _, id in ipairs(call('LRANGE', queue.active, 0, -1)) do
    local key = queue.prefix .. id
    local lock = key .. ':lock'
    local token = call('GET', lock)
    if token and is_ours[token] then
      is_ours[token] = nil
      call('PEXPIRE', lock, worker.lock_duration)
      jobs[#jobs + 1] = described(key, id, token)
    end
  end
  local left = {}
  for _, token in ipairs(tokens) do
    if is_ours[token] then left[#left + 1] = token end
  end
  return jobs, left
end
