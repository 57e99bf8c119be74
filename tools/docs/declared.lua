-- SPDX-License-Identifier: MIT
-- Reads the editor types that tools/types.lua has written, for tools/check-types.lua and
-- spec/types_spec.lua.

local M = {}

--- Returns the type at the beginning of a text that goes on with a description. Blanks may follow
-- a colon or a comma in a type.
local function type_in (text)
  local found, depth = "", 0
  for word in text:gmatch "%S+" do
    found = found == "" and word or found .. " " .. word
    depth = depth + select(2, word:gsub("[({<]", "")) - select(2, word:gsub("[)}>]", ""))
    if depth == 0 and not word:find "[:,]$" then break end
  end
  return found
end

--- Reads one line of a file into `state`.
local function read_line (state, line)
  local name, supers = line:match "^%-%-%-@class ([%w_.]+)%s*:?%s*(.*)$"
  local field, mark, text = line:match "^%-%-%-@field %[?\"?([%w_]+)\"?%]?(%??) (.*)$"
  local object = line:match "^local (%w+) = {}$"
  local owner, method = line:match "^function ([%w_]+)[.:]([%w_]+)%("
  local alias, meaning = line:match "^%-%-%-@alias ([%w_.]+) (.*)$"
  if name then
    state.class = { fields = {}, methods = {}, supers = {} }
    state.classes[name] = state.class
    for super in supers:gmatch "%f[%w]predibase%.[%w_.]+" do
      table.insert(state.class.supers, super)
    end
  elseif field then
    text = type_in(text)
    state.class.fields[field] = { type = text, optional = mark == "?" or text:find "%?$" ~= nil }
  elseif object then
    state.objects[object] = state.class
  elseif method then
    local methods = assert(state.objects[owner], line).methods
    methods[method] = true
  elseif alias then
    state.aliases[alias] = meaning
  end
end

--- Reads all files.
-- @treturn table class -> `{ fields, methods, supers }`: `fields` has a type and whether it is
-- optional for each name, `methods` is a set, `supers` is an array
-- @treturn table alias -> type
function M.read ()
  local classes, aliases = {}, {}
  local pipe = assert(io.popen "find types/library -name '*.lua' | LC_ALL=C sort")
  for path in pipe:lines() do
    local state = { classes = classes, aliases = aliases, objects = {} }
    for line in io.lines(path) do read_line(state, line) end
  end
  pipe:close()
  assert(next(classes), "types/library has no classes")
  return classes, aliases
end

--- Returns all fields of a class: name -> field.
function M.fields (classes, name, found)
  found = found or {}
  local class = assert(classes[name], name)
  for field, entry in pairs(class.fields) do found[field] = found[field] or entry end
  for _, super in ipairs(class.supers) do
    -- `predibase.Known` is an alias, not a class.
    if classes[super] then M.fields(classes, super, found) end
  end
  return found
end

--- Returns the set of the methods of a class.
function M.methods (classes, name, found)
  found = found or {}
  for method in pairs(classes[name].methods) do found[method] = true end
  for _, super in ipairs(classes[name].supers) do
    if classes[super] then M.methods(classes, super, found) end
  end
  return found
end

return M
