-- SPDX-License-Identifier: MIT
-- Makes name look-ups of child processes hang (spec/support/slow_lookup.c).

local child = require "spec.support.child"

local M = {}

--- Compiles the library that replaces getaddrinfo.
-- @tparam string folder for it
-- @treturn string LD_PRELOAD of a child process
function M.preload (folder)
  local library = folder .. "/slow_lookup.so"
  local compiler = child.start("cc", { args = { "-std=c99", "-D_GNU_SOURCE", "-shared", "-fPIC",
    "-o", library, "spec/support/slow_lookup.c", "-ldl" }, env = child.STRANGER })
  assert(compiler:wait() == 0, compiler.stderr)
  local before = os.getenv "LD_PRELOAD"
  return before and before ~= "" and before .. ":" .. library or library
end

return M
