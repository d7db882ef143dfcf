-- Removes finished jobs beyond what their kind may keep: those that are too old first, then all
-- but the newest `count`. A rule is `count`, or `count:age:limit` with the age in seconds and how
-- many old ones a finishing job removes at most; -1 stands for no limit.
local function trim_finished(queue, finished, now, rule, added)
  local count, age, limit = string.match(rule, '^(-?%d+):(-?%d+):(%d+)$')
  count = tonumber(count or rule)
  local function drop(ids)
    for _, id in ipairs(ids) do
      local key = queue.prefix .. id
      if call('HGET', key, 'parentKey') then rare().detach(queue, key, false) end
      call('DEL', job_keys(key))
    end
  end
  if age and tonumber(age) >= 0 then
    local oldest = now - tonumber(age) * 1000
    local ids = call('ZREVRANGEBYSCORE', finished, oldest, '-inf',
      'LIMIT', 0, tonumber(limit) * added)
    if #ids > 0 then
      drop(ids)
      for from = 1, #ids, 5000 do
        call('ZREM', finished, unpack(ids, from, math.min(from + 4999, #ids)))
      end
    end
  end
  if count > 0 then
    local ids = call('ZREVRANGE', finished, count, -1)
    if #ids > 0 then
      drop(ids)
      call('ZREMRANGEBYRANK', finished, 0, -(count + 1))
    end
  end
end
