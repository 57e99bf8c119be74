-- SPDX-License-Identifier: MIT
-- Replaces functions of the C library in child processes, by LD_PRELOAD: look-ups that hang
-- (slow_lookup.c), a wall clock that jumps (jumping_clock.c).

local child = require "spec.support.child"

local M = {}

--- Compiles a C file of this folder as a library.
-- @tparam string name of the file, without `.c`
-- @tparam string folder for the library
-- @treturn string LD_PRELOAD of a child process
function M.library (name, folder)
  local library = ("%s/%s.so"):format(folder, name)
  local compiler = child.start("cc", { args = { "-std=c99", "-D_GNU_SOURCE", "-shared", "-fPIC",
    "-o", library, ("spec/support/%s.c"):format(name), "-ldl" }, env = child.STRANGER })
  assert(compiler:wait() == 0, compiler.stderr)
  local before = os.getenv "LD_PRELOAD"
  return before and before ~= "" and before .. ":" .. library or library
end

return M
