-- SPDX-License-Identifier: MIT
--- Implements :checkhealth predibase_nvim.

local M = {}

local health = vim.health or require "health"
local ok, report_error = health.ok or health.report_ok, health.error or health.report_error

--- Checks that the library and a server are available.
function M.check ()
  (health.start or health.report_start) "predibase"
  local found, predibase = pcall(require, "predibase")
  local core, why = pcall(require, "predibase.curl")
  if not (found and core) then
    return report_error("the library is not found: " .. tostring(not found and predibase or why))
  end
  ok("the library, version " .. predibase._VERSION .. ", with " .. why.version())
  local client, err = predibase.new()
  if not client then return report_error(err.message) end
  client:close()
  ok "the environment variables name a server"
end

return M
