-- SPDX-License-Identifier: MIT
-- long: every fixture at every cut inside nginx
-- only: luajit
--- Runs the fixtures of spec/fixtures/wire inside a real nginx: whole, byte by byte, and cut in two
-- at every position, except for the longest bodies.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local in_nginx = require "spec.support.in_nginx"

local PARTS = 16

for part = 1, PARTS do
  describe(("inside nginx, part %d of %d"):format(part, PARTS), function ()
    in_nginx.each({ "wire_sockets" }, it, { EVERY = "2000", PART = part .. "/" .. PARTS })
  end)
end
