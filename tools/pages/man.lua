-- SPDX-License-Identifier: MIT
-- Writes manual pages in the language mdoc, which both mandoc and groff read.

local M = {}

local ESCAPES = { ["\\"] = "\\e", ["~"] = "\\(ti", ["^"] = "\\(ha", ["`"] = "\\(ga",
  ["'"] = "\\(aq" }

--- Escapes characters that formatters replace, such as quotes. With `code`, also hyphens: a hyphen
-- of a command must stay one when a reader copies it.
local function escape (text, code)
  text = text:gsub("[\\~^`']", ESCAPES)
  if code then text = text:gsub("%-", "\\-") end
  return text
end

-- Writes running text. Names of options and text in backticks are bold.
local function inline (text)
  local out, at = {}, 1
  local function plain (piece)
    -- Options follow a blank or a bracket; other hyphens belong to words.
    piece = (" " .. piece):gsub("([%s(\"])(%-%-%l[%w-]*)", "%1\1%2\2"):sub(2)
    piece = escape(piece):gsub("\1(.-)\2", function (name)
      return "\\%\\fB" .. name:gsub("%-", "\\-") .. "\\fP"
    end)
    -- Names of variables and addresses are not hyphenated at the end of a line, but a line may end
    -- after a comma or an equals sign inside a word.
    piece = piece:gsub("%f[%w_][%w]+_[%w_]+", "\\%%%0"):gsub("%f[%w]https?://", "\\%%%0")
    piece = piece:gsub('%],"', '],\\:"'):gsub("=\\%%", "=\\:\\%%")
    out[#out + 1] = piece
  end
  while true do
    local from, to, code = text:find("`([^`]+)`", at)
    if not from then break end
    plain(text:sub(at, from - 1))
    out[#out + 1] = "\\fB" .. escape(code, true) .. "\\fP"
    at = to + 1
  end
  plain(text:sub(at))
  return table.concat(out)
end

local Page = {}
Page.__index = Page

-- Adds a line of requests and macros.
function Page:macro (line)
  self[#self + 1] = line
end

-- Adds running text in lines. A line must not begin with a control character, and a sentence ends a
-- line, as mdoc asks.
function Page:text (text)
  text = inline(text:gsub("%s+", " "))
  text = text:gsub("([%l%d)%]\"P][.?!])%s+(%f[%u\\])", "%1\n%2")
  for line in text:gmatch "[^\n]+" do
    while #line > 78 do
      local cut
      for i = 78, 20, -1 do
        if line:sub(i, i) == " " then cut = i break end
      end
      if not cut then break end
      self:macro((line:sub(1, cut - 1):gsub("^[.']", "\\&%0")))
      line = line:sub(cut + 1)
    end
    self:macro((line:gsub("^[.']", "\\&%0")))
  end
end

-- Adds lines as they are.
function Page:literal (lines)
  self:macro ".Bd -literal"
  for line in lines:gmatch "[^\n]+" do
    self:macro((escape(line, true):gsub("^[.']", "\\&%0")))
  end
  self:macro ".Ed"
end

-- Returns a word as an argument of a macro.
local function word (text)
  text = escape(text, true)
  if text:find '[%s"]' then text = '"' .. text:gsub('"', '""') .. '"' end
  -- A word that is also the name of a macro, or punctuation, would be read as one.
  if text:find "^%u?%l?%u?$" or text:find "^[%p]$" then text = "\\&" .. text end
  return text
end

-- Adds a list of `{ name, text }`, with the macro `of` around the names.
function Page:list (items, of)
  self:macro ".Bl -tag -width Ds"
  for _, item in ipairs(items) do
    self:macro(".It " .. of .. " " .. word(item[1]))
    self:text(item[2])
  end
  self:macro ".El"
end

-- Adds a paragraph of the notes: text, and a list if it has indented lines.
local function add_paragraph (page, paragraph)
  local lead, items = {}, {}
  for line in paragraph:gmatch "[^\n]+" do
    local name, text = line:match "^  (%S+)  +(%S.*)$"
    if name then
      items[#items + 1] = { name, text }
    else
      lead[#lead + 1] = line
    end
  end
  if #lead > 0 then page:text(table.concat(lead, " ")) end
  if #items > 0 then page:list(items, "Cm") end
end

local function add_notes (page, notes)
  for _, note in ipairs(notes or {}) do
    for paragraph in (note .. "\n\n"):gmatch "(.-)\n\n+" do
      page:macro ".Pp"
      add_paragraph(page, paragraph)
    end
  end
end

local function add_option (page, option)
  local names = {}
  for i, name in ipairs(option.names) do
    names[i] = "Fl " .. word(name:sub(2)) .. (option.placeholder and " Ar "
      .. word(option.placeholder) or "")
  end
  page:macro(".It " .. table.concat(names, " , "))
  page:text(option.text)
  local others = {}
  for i, name in ipairs(option.excludes) do
    others[i] = name:find "^%-" and name or name:upper()   -- arguments, as in the synopsis
  end
  if #others > 0 then page:text("Not together with " .. table.concat(others, " or ") .. ".") end
end

local function add_synopsis (page, command)
  page:macro ".Sh SYNOPSIS"
  local usage = command.usage or ("predibase %s [OPTION]..."):format(command.name)
  if command.name == "" then
    usage = "predibase COMMAND [OPTION]... [ARGUMENT]...\npredibase --help\npredibase --version"
  end
  for line in usage:gsub("^Usage:", ""):gmatch "[^\n]+" do
    local first = true
    for piece in line:gmatch "%S+" do
      local optional, dots
      piece, dots = piece:gsub("%.%.%.$", "")
      piece, optional = piece:gsub("^%[(.*)%]$", "%1")
      if piece == "predibase" and first then
        page:macro ".Nm predibase"
      else
        local macro = piece:find "^%l" and "Cm " or piece:find "^%-" and "Fl " or "Ar "
        page:macro((optional > 0 and ".Op " or ".") .. macro .. word((piece:gsub("^%-", "")))
          .. (dots > 0 and " ..." or ""))
      end
      first = false
    end
  end
end

local function add_codes (page, command)
  page:macro ".Sh EXIT STATUS"
  if command.parts.own_codes then page:text(command.parts.own_codes) end
  local items = {}
  for i, code in ipairs(command.parts.codes or require "predibase.cli.failures".codes()) do
    local kind = code[2] and ("`%s`: "):format(code[2]) or ""
    items[i] = { ("%d"):format(code[1]), (kind .. code[3] .. "."):gsub("^%l", string.upper) }
  end
  page:list(items, "Li")
end

local function add_examples (page, examples)
  page:macro ".Sh EXAMPLES"
  for i, pair in ipairs(examples) do
    if i > 1 then page:macro ".Pp" end
    page:text(pair[1] .. ":")
    page:literal(pair[2])
  end
end

local function add_see_also (page, names)
  page:macro ".Sh SEE ALSO"
  for i, name in ipairs(names) do
    page:macro((".Xr %s 1%s"):format(name, i < #names and " ," or ""))
  end
end

--- Returns the name of the page of a command.
-- @tparam table command of `pages.model`
-- @treturn string
function M.name (command)
  return command.name == "" and "predibase" or "predibase-" .. command.name:gsub(" ", "-")
end

local function add_arguments (page, command)
  if #command.arguments == 0 then return end
  page:macro ".Pp"
  page:text "The arguments are:"
  page:macro ".Bl -tag -width Ds"
  for _, argument in ipairs(command.arguments) do
    page:macro(".It Ar " .. word(argument.name:upper()))
    page:text(argument.text)
    if argument.values then
      page:text("For example " .. table.concat(argument.values, ", ", 1,
        math.min(3, #argument.values)) .. ".")
    end
  end
  page:macro ".El"
end

local function add_groups (page, command)
  for _, group in ipairs(command.groups) do
    if command.groups[2] then page:macro(".Ss " .. group.title) end
    page:macro ".Bl -tag -width Ds"
    for _, option in ipairs(group) do add_option(page, option) end
    page:macro ".El"
  end
end

local function add_commands (page, commands)
  page:macro ".Sh COMMANDS"
  page:macro ".Bl -tag -width Ds"
  for _, command in ipairs(commands) do
    if command.name ~= "" then
      page:macro(".It Cm " .. word(command.name))
      page:text(command.summary)
      page:macro("See")
      page:macro(".Xr " .. M.name(command) .. " 1 .")
    end
  end
  page:macro ".El"
end

--- Writes the page of a command.
-- @tparam table command of `pages.model`
-- @tparam table commands all of them
-- @tparam string version
-- @tparam string date such as "2026-11-28"
-- @treturn string
function M.page (command, commands, version, date)
  local page, parts, name = setmetatable({}, Page), command.parts, M.name(command)
  page:macro '.\\" SPDX-License-Identifier: MIT'
  page:macro '.\\" Made by tools/pages.lua from the options of the command; make pages.'
  local year, month, day = date:match "^(%d+)-(%d+)-(%d+)$"
  page:macro(os.date("!.Dd %B ", os.time { year = year, month = month, day = day })
    .. ("%d, %d"):format(day, year))
  page:macro((".Dt %s 1"):format(name:upper()))
  page:macro(".Os predibase " .. version)
  page:macro ".Sh NAME"
  page:macro(".Nm " .. name)
  page:macro(".Nd " .. escape(command.summary:gsub("%.$", ""):gsub("^%u", string.lower)))
  add_synopsis(page, command)
  page:macro ".Sh DESCRIPTION"
  page:text(command.summary)
  add_arguments(page, command)
  add_notes(page, parts.notes)
  if command.name == "" then add_commands(page, commands) end
  page:macro ".Sh OPTIONS"
  add_groups(page, command)
  if parts.environment then
    page:macro ".Sh ENVIRONMENT"
    page:list(parts.environment, "Ev")
  end
  if parts.files then
    page:macro ".Sh FILES"
    page:list(parts.files, "Pa")
  end
  add_codes(page, command)
  if parts.examples then add_examples(page, parts.examples) end
  local names = {}
  for _, other in ipairs(commands) do
    if other ~= command then names[#names + 1] = M.name(other) end
  end
  table.sort(names)
  add_see_also(page, names)
  return table.concat(page, "\n") .. "\n"
end

return M
