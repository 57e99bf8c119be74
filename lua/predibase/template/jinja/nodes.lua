-- SPDX-License-Identifier: MIT
--- Nodes of a parsed template.
-- @module predibase.template.jinja.nodes

local M = {}

--- Makes a node of a table of its fields.
-- @tparam string kind
-- @tparam integer line
-- @tparam table fields
-- @treturn table
function M.new(kind, line, fields)
  fields.type, fields.line = kind, line
  return fields
end

return M
