-- Whether a job's deferred failure is somebody's wish to cancel it.
local function is_cancelled(reason)
  return reason == 'cancelled' or (reason and string.sub(reason, 1, 11) == 'cancelled: ')
end
