-- SPDX-License-Identifier: MIT
-- Writes and reads a file whose name is the first argument; prints the second one and the number of
-- bytes that were read. For tools/windows.sh.

local path, text = arg[1], arg[2]
local replace = require "predibase.replace"

local file = assert(io.open(path, "w"))
file:write "one\n"
file:close()
assert(replace.write(path, "two"))
file = assert(io.open(path, "rb"))
local bytes = file:read "*a"
file:close()
assert(os.remove(path))
print(text .. " " .. #bytes)
