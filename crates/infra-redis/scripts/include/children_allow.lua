-- Whether a job may complete: -4 if children are at work, -9 if one has failed.
local function children_allow(key)
  if call('EXISTS', key .. ':dependencies', key .. ':unsuccessful') == 0 then return 0 end
  if call('EXISTS', key .. ':dependencies') == 1 then return -4 end
  return -9
end
