-- SPDX-License-Identifier: MIT
-- long: the fault specs once more, inside nginx
-- only: luajit
--- The specs of faults once more inside a real nginx, where the client takes nginx's own sockets.
-- nginx's Lua is LuaJIT, so these are tests of that one.

if not rawget(_G, "jit") then return end

local in_nginx = require "spec.support.in_nginx"

describe("inside nginx", function ()
  in_nginx.each({ "faults_body", "faults_head", "faults_hooks", "faults_limits",
    "faults_mutations", "faults_retry", "faults_status", "faults_stream" }, it)

  -- One of its servers accepts nobody, and luv would accept in the server's stead.
  in_nginx.each({ "faults_connect" }, it, { NO_PUMP = "yes" })
end)
