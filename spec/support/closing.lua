-- SPDX-License-Identifier: MIT
--- Whether the running Lua closes variables and the last value of a `for` by itself, as 5.4 and
-- later do. `return` is true or false.
local compile = rawget(_G, "loadstring") or load

return compile "local variable <close> = nil" ~= nil
