-- SPDX-License-Identifier: MIT
-- only: luajit
--- Runs the specs of the routes without text inside a real nginx: vectors, classification, and what
-- a server says about itself.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local in_nginx = require "spec.support.in_nginx"

describe("inside nginx", function ()
  in_nginx.each({ "classify", "embed", "info", "metrics", "parts", "raw_request",
    "routes_server" }, it)
end)
