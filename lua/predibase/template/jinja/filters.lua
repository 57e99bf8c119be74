-- SPDX-License-Identifier: MIT
--- The filters by name: `(rt, value, args, kwargs) -> value`. `escape`, `safe` and Markup are those
-- of an environment without autoescape, as `transformers` makes it.
-- @module predibase.template.jinja.filters

local M = {}

for _, room in ipairs { "text", "numeric", "sequences", "selection" } do
  for name, filter in pairs(require("predibase.template.jinja.filters." .. room)) do
    M[name] = filter
  end
end

M.count = M.length
M.d = M.default
M.e = M.escape

return M
