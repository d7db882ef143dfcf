-- The text of what `pcall` caught: an error of the server is a table, one of Lua a text.
local function error_text(caught)
  return type(caught) == 'table' and caught.err or tostring(caught)
end
