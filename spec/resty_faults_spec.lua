-- SPDX-License-Identifier: MIT
-- long: the fault specs once more, inside nginx
-- only: luajit
--- Runs the specs of faults inside a real nginx, where the client uses nginx's own sockets.
-- nginx contains LuaJIT, so this spec runs only on LuaJIT.

if not rawget(_G, "jit") then return end

local in_nginx = require "spec.support.in_nginx"

describe("inside nginx", function ()
  in_nginx.each({ "faults_body", "faults_coding", "faults_framing", "faults_head", "faults_hooks",
    "faults_lifetime", "faults_limits", "faults_mutations", "faults_retry", "faults_status",
    "faults_stream" }, it)

  -- One of its servers must accept no connection, but luv would accept for it.
  in_nginx.each({ "faults_connect" }, it, { NO_PUMP = "yes" })
end)
