-- What few calls need; defined further on.
local rare
