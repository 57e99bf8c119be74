-- SPDX-License-Identifier: MIT
-- Rewrites GitHub's Markdown for Python-Markdown, which MkDocs uses. Python-Markdown begins a list
-- only after a blank line, wants four blanks for each level of a list, and keeps the backslash of
-- `\|` in the code of a table. Comments are removed.

local M = {}

--- Calls a function for the text between fenced code, and returns the changed text.
-- @tparam string text
-- @tparam function change gets whole lines, returns others
-- @treturn string
function M.map_prose (text, change)
  local out, prose, fence = {}, {}, nil
  local function flush ()
    if #prose > 0 then out[#out + 1] = change(table.concat(prose)) end
    prose = {}
  end
  for line in text:gmatch "[^\n]*\n" do
    local mark = line:match "^%s*(```+)"
    if not fence and not mark then
      prose[#prose + 1] = line
    else
      flush()
      out[#out + 1] = line
      if mark and not fence then fence = mark elseif mark == fence then fence = nil end
    end
  end
  flush()
  return table.concat(out)
end

--- Returns the blanks before an item of a list, and its mark with the blanks behind it.
local function item_of (line)
  local blanks, mark = line:match "^( *)([*+-] +)%S"
  if not mark then blanks, mark = line:match "^( *)(%d+[.)] +)%S" end
  return blanks and #blanks, mark
end

--- Indents lists as Python-Markdown wants it.
local function set_lists (text)
  local columns = {}      -- of the texts of the items that contain this line
  local out, fence, before = {}, nil, ""
  for line in text:gmatch "([^\n]*)\n" do
    local blanks = #line:match "^ *"
    local at, mark = item_of(line)
    if fence or line:find "%S" then
      local lazy = not fence and not at and before:find "%S" and not line:find "^ *```"
      while #columns > 0 and blanks < columns[#columns] and not fence and not lazy do
        columns[#columns] = nil
      end
    end
    local depth = #columns
    local inner = line:sub(1 + math.min(blanks, columns[depth] or 0))
    if at and not fence then
      if depth == 0 and before:find "%S" and not item_of(before) and not before:find "^ " then
        out[#out + 1] = ""
      end
      columns[depth + 1] = at + #mark
    end
    local quote = line:match "^%s*(```+)"
    if quote then fence = not fence and quote or (quote ~= fence and fence or nil) end
    out[#out + 1] = line:find "%S" and (" "):rep(4 * depth) .. inner or ""
    before = line
  end
  return table.concat(out, "\n") .. "\n"
end

--- Rewrites a page.
-- @tparam string text
-- @treturn string
function M.python (text)
  return set_lists(M.map_prose(text, function (prose)
    return (prose:gsub("([^\n]*)\n", function (line)
      if line:find "^<!%-%-.*%-%->$" then return "\n" end
      if not line:find "^|" then return nil end
      return line:gsub("`[^`]*`", function (code) return (code:gsub("\\|", "|")) end) .. "\n"
    end))
  end))
end

return M
