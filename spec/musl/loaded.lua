-- SPDX-License-Identifier: MIT
-- Loads C modules of the library, and checks that the process contains musl and no other C library.
-- usage: lua loaded.lua NAME...   with LUA_CPATH
for _, name in ipairs(arg) do
  assert(type(require("predibase." .. name)) == "table", name)
end
local file = assert(io.open "/proc/self/maps")
local maps = file:read "*a"
file:close()
-- Alpine has musl in the file ld-musl-x86_64.so.1, Debian in libc.so.
assert(maps:find("/ld%-musl[^\n]*\n") or maps:find "/libc%.so\n", "musl is not loaded")
assert(not maps:find("/libc.so.6", 1, true), "glibc is loaded")
for _, name in ipairs(arg) do
  assert(maps:find("/predibase/" .. name .. ".so", 1, true), name .. ".so is not loaded")
end
