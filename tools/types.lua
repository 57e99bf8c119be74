-- SPDX-License-Identifier: MIT
-- Writes the editor types, types/library/*.lua, from the LDoc comments of the public modules.
-- usage: lua5.4 tools/types.lua [--check]      (--check: fail if a file is stale, write nothing)
--
-- What a comment says becomes a type in this way:
--
-- * The tags `@tparam`, `@treturn` and `@tfield` have a type of LuaLS without blanks. A name that
--   begins with an upper-case letter is a class: `Result` is `predibase.Result`.
-- * `@table Name` with `@tfield` is a class; `@extends Name` adds the fields of another one. A
--   function of a table with such a name (`function Stream:next`) is a method of the class.
-- * Several groups of `@treturn` become the types of all groups together for LuaLS, and one
--   `@return_overload` for each group, which EmmyLua reads.
-- * `@overload fun(…)` describes calls with other types. Types of a parameter or a result that are
--   those of an overload are left out elsewhere: `string|string[]` becomes `string[]`.
-- * A class of tables that a program writes becomes two: one has the fields, the other is
--   `predibase.Known` of them, with which EmmyLua reports names that are not among them. These are
--   the classes whose name ends in Options, and those of WRITTEN.

local comments = dofile "tools/docs/comments.lua"
local modules = dofile "tools/docs/modules.lua"
local notation = dofile "tools/types/notation.lua"
local whole_file = dofile "tools/whole-file.lua"

local luals, optional, union = notation.luals, notation.optional, notation.union

local OUT = "types/library"

-- The class of a table of functions, where it does not have the same name.
local CLASSES = {
  ["predibase.bulk.rows"] = { Reader = "RowReader", Writer = "RowWriter" },
  ["predibase.bulk.run"] = { Run = "BulkRun" },
  ["predibase.adapter"] = { View = "Adapter" },
  ["predibase.template.format"] = { Format = "ChatFormat" },
  ["predibase.template.jinja"] = { Template = "JinjaTemplate" },
  ["predibase.mock.server"] = { Server = "MockServer" },
  ["predibase.mock.spawn"] = { Handle = "MockHandle" },
  ["predibase.loop.blocking"] = { Blocking = "Loop" },
  ["predibase.loop.luv"] = { Luv = "LuvLoop" },
  ["predibase.loop.cqueues"] = { Cqueues = "CqueuesLoop" },
  ["predibase.resty.openai_answers"] = { Chunks = "OpenaiChunks" },
  -- Internal modules that make objects which public functions return.
  ["predibase.loop.tasks"] = { Task = "Task" },
  ["predibase.template.answer_reader"] = { Reader = "AnswerReader" },
}
-- Methods of tables that have no class, because no public function returns them.
local PRIVATE = { ["predibase.validator"] = { Run = true } }

-- Classes of which the library makes several variants: the names that stand for a type in the
-- comments, and the type in each variant. The class itself is any of the variants.
local VARIANTS = {
  Stream = {
    { "TokenStream", Item = "Token", Outcome = "Result" },
    { "ChatStream", Item = "Delta", Outcome = "ChatResult" },
    { "CompletionStream", Item = "CompletionDelta", Outcome = "CompletionResult" },
    { "SessionStream", Item = "SessionDelta", Outcome = "SessionResult" },
    { "EventStream", Item = "RawEvent", Outcome = "Result" },
  },
  Batch = {
    { "GenerateBatch", Item = "Result" },
    { "ChatBatch", Item = "ChatResult" },
  },
}

-- Tables that a program writes, besides those of options.
local WRITTEN = { Timeouts = true, RateLimit = true, MergedAdapters = true, PromptEntry = true,
  ConversationEntry = true, Tool = true, MockFaults = true }

local function is_written (name)
  return WRITTEN[name] or name:find "Options$" ~= nil
end

-- Functions that tell whether a value is of a class.
local GUARDS = {
  ["predibase.is_error"] = "Error", ["predibase.errors.is"] = "Error",
  ["predibase.response.is"] = "Result", ["predibase.stream.is"] = "Stream",
  ["predibase.chat.run_stream.is"] = "RunStream", ["predibase.image.is"] = "Image",
  ["predibase.template.is_template"] = "Template", ["predibase.template.is_format"] = "ChatFormat",
  ["predibase.template.text_template.is"] = "Template",
  ["predibase.template.format.is"] = "ChatFormat",
  ["predibase.bulk.rows.is_reader"] = "RowReader",
}

-- Names for the keys of a table of a module.
local KEYS = { { "ErrorKind", "predibase.errors", "kinds" } }

--- Returns the names of the public modules, and of all others, whose comments have tables of
-- options and results as well.
local function sources ()
  local public, others, is_public = {}, {}, {}
  for _, group in ipairs(modules.public) do
    for i = 2, #group do
      is_public[group[i]] = true
      public[#public + 1] = group[i]
    end
  end
  local pipe = assert(io.popen "find lua/predibase -name '*.lua' | LC_ALL=C sort")
  for path in pipe:lines() do
    local name = path:sub(#"lua/" + 1, -5):gsub("/init$", ""):gsub("/", ".")
    if not is_public[name] then others[#others + 1] = name end
  end
  pipe:close()
  return public, others
end

local function path_of (name)
  if name == "predibase" then return "lua/predibase/init.lua" end
  return "lua/" .. name:gsub("%.", "/") .. ".lua"
end

-- Comments.

--- Appends a text as lines of a comment.
local function add_text (out, text)
  if text == "" then return end
  for line in (text .. "\n"):gmatch "(.-)\n" do out[#out + 1] = ("---" .. line):gsub("%s+$", "") end
end

local function one_line (text)
  return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

local function ending (text)
  text = one_line(text)
  return text == "" and "" or " " .. text
end

--- The groups of results: array of arrays of tags.
local function result_groups (tags)
  local groups = {}
  for _, tag in ipairs(tags) do
    if tag.tag == "treturn" or tag.tag == "return" then
      groups[tag.group] = groups[tag.group] or {}
      table.insert(groups[tag.group], tag)
    end
  end
  return groups
end

local function result_type (tag, names, excluded)
  if not tag.type then return "any" end
  local text = luals(excluded and notation.without(tag.type, excluded) or tag.type, names)
  return tag.optional and optional(text) or text
end

--- Returns the results of all groups together: array of `{ type, text }`. In the error of a
-- failure, the missing value of a success does not count, because a program looks at it after it
-- has seen that there is no result.
local function merged_results (groups, names, excluded)
  local most, merged = 0, {}
  for _, group in ipairs(groups) do most = math.max(most, #group) end
  for i = 1, most do
    local types, texts, missing = {}, {}, false
    for _, group in ipairs(groups) do
      local tag = group[i]
      if tag then
        types[#types + 1] = result_type(tag, names, excluded and excluded[i])
        local text = one_line(tag.text)
        if tag.type == "nil" and text ~= "" then text = "nil " .. text end
        if text ~= "" then texts[#texts + 1] = text end
      else
        missing = true
      end
    end
    local text, has_nil = union(types)
    local is_error = text == "predibase.Error" and missing
    if text ~= "nil" and (has_nil or missing and not is_error) then text = optional(text) end
    merged[i] = { type = text, text = table.concat(texts, "; or ") }
  end
  return merged
end

local function add_results (out, tags, names, excluded, guard)
  local groups = result_groups(tags)
  if guard then
    out[#out + 1] = ("---@return TypeGuard<predibase.%s>"):format(guard)
    return
  end
  -- A group whose first result is that of an overload belongs to it.
  for i = #groups, 1, -1 do
    local first = groups[i][1]
    if first.type and excluded[1][first.type] then table.remove(groups, i) end
  end
  if #groups == 0 then return end
  for _, result in ipairs(merged_results(groups, names, excluded)) do
    local text = result.text ~= "" and " # " .. result.text or ""
    out[#out + 1] = "---@return " .. result.type .. text
  end
  if #groups == 1 then return end
  for _, group in ipairs(groups) do
    local types = {}
    for i, tag in ipairs(group) do types[i] = result_type(tag, names, excluded[i]) end
    out[#out + 1] = "---@return_overload " .. table.concat(types, ", ")
  end
end

--- Appends the parameters of a function, and returns their names as its definition has them.
local function add_parameters (out, tags, given, names, excluded)
  local known, order = {}, {}
  for _, tag in ipairs(tags) do
    if tag.tag == "tparam" or tag.tag == "param" then
      known[tag.name] = tag
      order[#order + 1] = tag.name
    end
  end
  if given then
    order = {}
    for name in given:gmatch "[%w_.]+" do order[#order + 1] = name end
  end
  for _, name in ipairs(order) do
    local tag = known[name]
    local typed = tag and tag.type and notation.without(tag.type, excluded[name])
    local text = typed and luals(typed, names) or "any"
    local mark = tag and tag.optional and name ~= "..." and "?" or ""
    out[#out + 1] = ("---@param %s%s %s%s"):format(name, mark, text, ending(tag and tag.text or ""))
  end
  return table.concat(order, ", ")
end

-- Classes.

--- Returns the class of a name, which is made for the module that first names it.
local function class_of (world, module, name)
  local class = world.classes[name]
  if not class then
    class = { name = name, module = module, text = "", fields = {}, methods = {}, tags = {} }
    world.classes[name] = class
    table.insert(module.classes, class)
  end
  return class
end

local function add_table (world, module, parsed, name)
  local class = class_of(world, module, name)
  class.text, class.extends = parsed.text, parsed.extends and one_line(parsed.extends.text)
  class.tags = parsed.tags
  for _, tag in ipairs(parsed.tags) do
    if tag.tag == "tfield" then table.insert(class.fields, tag) end
  end
end

package.path = "lua/?.lua;lua/?/init.lua;" .. package.path

--- The type of the value that a module really has.
local function type_of_value (module, name)
  local value = require(module.name)[name]
  return type(value) == "number" and value % 1 == 0 and "integer" or type(value)
end

--- The type of a field of a module, as its comment, its definition or its value shows it.
local function field_type (module, name, parsed, code, aliases)
  local named = parsed.text:match "^The module `(predibase[%w_.]*)`"
  if named then return named end
  local value = (code:match "=%s*(.-)%s*$" or ""):gsub("%s+%-%-.*$", "")
  if value:find "^{" then return "table" end
  local required = value:match '^require "([%w_.]+)"$'
  if required then return type(require(required)) end
  if value:find "^%d+$" then return "integer" end
  if value:find "^[%d.]+e[%d-]+" then return "number" end
  return aliases[value] or type_of_value(module, name)
end

--- Reads the modules that a source requires: local name -> module.
local function required (lines)
  local aliases = {}
  for _, line in ipairs(lines) do
    local name, module = line:match '^local ([%w_]+) = require "(predibase[%w_.]*)"$'
    if name then aliases[name] = module end
  end
  return aliases
end

local function read_item (world, module, item, aliases)
  local parsed = comments.parse(item.comment)
  if parsed.module then
    module.text = parsed.text
    return
  end
  if item.code:find "^local " and not parsed["function"] then
    if not parsed.table then return end
  end
  local named_table = parsed.table and one_line(parsed.table.text)
  if named_table and named_table:find "^%u" then
    return add_table(world, module, parsed, named_table)
  elseif named_table then
    table.insert(module.members, { name = named_table, parsed = parsed,
      type = field_type(module, named_table, parsed, "", aliases) })
    return
  elseif not module.public and not CLASSES[module.name] then
    return
  end
  local owner, mark, name, parameters = comments.definition(item.code)
  if parsed["function"] and not parameters then
    name = one_line(parsed["function"].text)
    owner, mark = "M", "."
  end
  if not owner or name:find "^_" and name ~= "_VERSION" and name ~= "__call" then return end
  local member = { name = name, mark = mark, parsed = parsed, parameters = parameters,
    is_function = parameters ~= nil or parsed["function"] ~= nil }
  if owner == "M" or owner == module.returned then
    if not member.is_function then
      member.type = field_type(module, name, parsed, item.code, aliases)
      -- M.A, M.B = 1, 2
      local second = item.code:match "^M%.[%w_]+, M%.([%w_]+)"
      if second then
        table.insert(module.members, { name = second, parsed = parsed, type = member.type })
      end
    end
    table.insert(module.members, member)
  elseif owner:find "^%u" and member.is_function
    and not (PRIVATE[module.name] or {})[owner] then
    local names = CLASSES[module.name] or {}
    if not module.public and not names[owner] then return end
    table.insert(class_of(world, module, names[owner] or owner).methods, member)
  end
end

local function read_module (world, name, public)
  local path = path_of(name)
  local lines = comments.lines(path)
  local module = { name = name, path = path, public = public, text = "", members = {},
    classes = {}, returned = lines[#lines]:match "^return ([%w_]+)$" }
  local aliases = required(lines)
  for _, item in ipairs(comments.all(lines)) do read_item(world, module, item, aliases) end
  world.modules[name] = module
  return module
end

-- Writing.

local function add_overloads (out, tags, names)
  for _, tag in ipairs(tags) do
    if tag.tag == "overload" then
      out[#out + 1] = "---@overload " .. luals(tag.text:gsub("%s", ""), names)
    end
  end
end

local function add_function (out, name, member, names, doc, guard)
  out[#out + 1] = ""
  add_text(out, doc or member.parsed.text)
  local raised = member.parsed.raise
  if raised then add_text(out, "\nRaises an error " .. one_line(raised.text) .. ".") end
  local tags = member.parsed.tags
  local excluded = notation.overloaded(tags)
  add_overloads(out, tags, names)
  local parameters = add_parameters(out, tags, member.parameters, names, excluded)
  add_results(out, tags, names, excluded, guard)
  out[#out + 1] = ("function %s(%s) end"):format(name, parameters)
end

--- Writes what a call of an object returns, as in a `for` loop: what the comment of `__call` says,
-- or the first result of `next`, since a loop raises the error.
local function add_call (out, class, names)
  local call, step
  for _, method in ipairs(class.methods) do
    if method.name == "__call" then call = method end
    if method.name == "next" then step = method end
  end
  if not call then return end
  local types = {}
  local own = merged_results(result_groups(call.parsed.tags), names)
  for i, result in ipairs(own) do types[i] = result.type end
  -- EmmyLua takes nil away from all variables of a loop, and then calls the test of a result
  -- unnecessary. It does not take false away.
  types[2] = types[2] and types[2]:gsub("^(.*)%?$", "%1|false|nil")
  if not types[1] then
    types[1] = merged_results(result_groups(step.parsed.tags), names)[1].type
  end
  out[#out + 1] = "---@overload fun(): " .. table.concat(types, ", ")
end

--- Returns what a class extends. It takes the fields of another class of tables that a program
-- writes, because that class itself allows no further names.
local function extended (class, names)
  local list = {}
  for name in (class.extends or ""):gmatch "[%w_.]+" do
    list[#list + 1] = is_written(name) and "predibase.fields." .. name or luals(name, names)
  end
  return list[1] and " : " .. table.concat(list, ", ") or ""
end

local function add_fields (out, fields, names)
  for _, tag in ipairs(fields) do
    local label, text = tag.name, luals(tag.type, names)
    if label == "function" then label = '["function"]' end
    if tag.optional and label:find "^%[" then text = optional(text)
    elseif tag.optional then label = label .. "?" end
    out[#out + 1] = ("---@field %s %s%s"):format(label, text, ending(tag.text))
  end
end

local function add_class (out, class, name, names)
  out[#out + 1] = ""
  add_text(out, class.text)
  if is_written(name) then
    local fields = "predibase.fields." .. name
    out[#out + 1] = ("---@class %s%s"):format(fields, extended(class, names))
    add_fields(out, class.fields, names)
    out[#out + 1] = ""
    add_text(out, class.text)
    out[#out + 1] = ("---@class predibase.%s : %s, predibase.Known<%s>"):format(name, fields,
      fields)
    -- EmmyLua does not check a table against a class without fields of its own.
    return add_fields(out, { class.fields[1] }, names)
  end
  out[#out + 1] = "---@class predibase." .. name .. extended(class, names)
  add_fields(out, class.fields, names)
  add_overloads(out, class.tags, names)
  add_call(out, class, names)
  if #class.methods == 0 then return end
  out[#out + 1] = ("local %s = {}"):format(name)
  for _, method in ipairs(class.methods) do
    if method.name ~= "__call" then
      add_function(out, name .. method.mark .. method.name, method, names)
    end
  end
end

local function add_variants (out, class)
  local all = {}
  for _, names in ipairs(VARIANTS[class.name]) do
    add_class(out, class, names[1], names)
    all[#all + 1] = "predibase." .. names[1]
  end
  out[#out + 1] = ("\n---@alias predibase.%s %s"):format(class.name, table.concat(all, "|"))
end

local function add_keys (out, module)
  for _, keys in ipairs(KEYS) do
    if keys[2] == module.name then
      local names = {}
      for name in pairs(require(keys[2])[keys[3]]) do names[#names + 1] = ("%q"):format(name) end
      table.sort(names)
      out[#out + 1] = ("\n---@alias predibase.%s %s"):format(keys[1], table.concat(names, "|"))
    end
  end
end

local function add_classes (out, module)
  add_keys(out, module)
  for _, class in ipairs(module.classes) do
    if VARIANTS[class.name] then add_variants(out, class)
    else add_class(out, class, class.name) end
  end
end

--- The documentation of a function that only calls a method of the client is that of the method.
local function text_of (world, member)
  local method = member.parsed.text:match "^Calls `client:([%w_]+)`%.$"
  for _, candidate in ipairs(method and world.classes.Client.methods or {}) do
    if candidate.name == method then
      return candidate.parsed.text .. "\n\nUses the client that is made from the environment."
    end
  end
end

local function add_module (out, world, module)
  out[#out + 1] = ""
  add_text(out, module.text)
  out[#out + 1] = "---@class " .. module.name
  local fields = {}
  for _, member in ipairs(module.members) do
    if not member.is_function then
      fields[#fields + 1] = ("---@field %s %s%s"):format(member.name, member.type,
        ending(member.parsed.text))
    end
  end
  for _, line in ipairs(fields) do out[#out + 1] = line end
  out[#out + 1] = "local M = {}"
  for _, member in ipairs(module.members) do
    if member.is_function then
      add_function(out, "M." .. member.name, member, nil, text_of(world, member),
        GUARDS[module.name .. "." .. member.name])
    end
  end
  out[#out + 1] = "\nreturn M"
end

local function head (name, path)
  return { "---@meta " .. name, "-- SPDX-License-Identifier: MIT",
    ("-- Made from %s by `make types`; do not edit."):format(path) }
end

--- Fails when a class is used that is not defined.
local function check_names (files)
  local defined, unknown = {}, {}
  for _, text in pairs(files) do
    for name in text:gmatch "\n%-%-%-@class ([%w_.]+)" do defined[name] = true end
    for name in text:gmatch "\n%-%-%-@alias ([%w_.]+)" do defined[name] = true end
  end
  for path, text in pairs(files) do
    for line in text:gmatch "\n%-%-%-@([^\n]*)" do
      -- Without the text for people, which names modules.
      local types = line:gsub("#.*$", ""):gsub("`[^`]*`", "")
      for name in types:gmatch "%f[%w]predibase%.[%w_.]+" do
        if not defined[name] and name:find "%.%u" then
          unknown[#unknown + 1] = path .. ": " .. name
        end
      end
    end
  end
  if #unknown > 0 then error("unknown classes:\n" .. table.concat(unknown, "\n"), 0) end
end

--- Returns the files: path -> text.
local function write_all ()
  local world = { classes = {}, modules = {} }
  local public, others = sources()
  for _, name in ipairs(public) do read_module(world, name, true) end
  local files, tables = {}, head("_", "the tables in LDoc comments of internal modules")
  tables[#tables + 1] = "\n---Tables that have no other keys than the fields of a class."
  tables[#tables + 1] = "---@alias predibase.Known<T> table<keyof T, any>"
  for _, name in ipairs(others) do add_classes(tables, read_module(world, name, false)) end
  files[OUT .. "/predibase/tables.lua"] = table.concat(tables, "\n") .. "\n"
  for _, name in ipairs(public) do
    local module = world.modules[name]
    local out = head(name, module.path)
    add_classes(out, module)
    add_module(out, world, module)
    files[OUT .. "/" .. name:gsub("%.", "/") .. ".lua"] = table.concat(out, "\n") .. "\n"
  end
  check_names(files)
  return files
end

local files, stale = write_all(), {}
for path, text in pairs(files) do
  if whole_file.read_if_there(path) ~= text then
    stale[#stale + 1] = path
    if arg[1] ~= "--check" then whole_file.write(path, text) end
  end
end
local pipe = assert(io.popen("find " .. OUT .. " -name '*.lua'"))
for path in pipe:lines() do
  if not files[path] then
    stale[#stale + 1] = path
    if arg[1] ~= "--check" then os.remove(path) end
  end
end
pipe:close()
if arg[1] == "--check" and #stale > 0 then
  table.sort(stale)
  print("stale, run make types: " .. table.concat(stale, ", "))
  os.exit(1)
end
