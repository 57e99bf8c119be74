-- SPDX-License-Identifier: MIT
--- A place in a buffer that text goes to. It stays where it belongs while the user edits around it:
-- an extmark holds it.

local api = vim.api

local M = {}

local SPACE = api.nvim_create_namespace "predibase"

local Insertion = {}
Insertion.__index = Insertion

--- Where a mark is now: row and column, or nothing when it is gone.
local function where(self, mark)
  local at = api.nvim_buf_get_extmark_by_id(self.buffer, SPACE, mark, {})
  return at[1], at[2]
end

--- Calls a function that changes the buffer; the cursors stay at the characters that they are at.
local function keep_cursors(self, change)
  local marks = {}
  for _, window in ipairs(vim.fn.win_findbuf(self.buffer)) do
    local row, col = unpack(api.nvim_win_get_cursor(window))
    marks[window] = api.nvim_buf_set_extmark(self.buffer, SPACE, math.max(row - 1, 0), col, {
      right_gravity = false,
    })
  end
  change()
  for window, mark in pairs(marks) do
    local row, col = where(self, mark)
    api.nvim_buf_del_extmark(self.buffer, SPACE, mark)
    local now = api.nvim_win_get_cursor(window)
    if now[1] ~= row + 1 or now[2] ~= col then
      api.nvim_win_set_cursor(window, { row + 1, col })
    end
  end
end

--- Makes the next change one with ours before it, for undo; unless the user has changed something
-- meanwhile, whose change would be undone, too.
local function join_undo(self)
  if self.tick ~= api.nvim_buf_get_changedtick(self.buffer) then return end
  -- Fails when the user has undone our last change.
  pcall(api.nvim_buf_call, self.buffer, function () vim.cmd "undojoin" end)
end

--- The text as it goes into an empty place: what stands at the beginning of a line has no blanks
-- before it.
local function first_text(self, text, row, col)
  if self.prefix == "" and col > 0 then
    local line = api.nvim_buf_get_lines(self.buffer, row, row + 1, true)[1]
    if line:sub(1, col):find "%S" then return text end
  end
  return (text:gsub("^%s+", ""))
end

local function insert(self, text)
  local row, col = where(self, self.mark)
  local to_row, to_col = row, col
  if not self.began then
    text = first_text(self, text, row, col)
    if text == "" then return end
    text = self.prefix .. text
    if self.over then to_row, to_col = where(self, self.over) end
  end
  join_undo(self)
  local lines = vim.split(text, "\n", { plain = true })
  keep_cursors(self, function ()
    api.nvim_buf_set_text(self.buffer, row, col, to_row, to_col, lines)
  end)
  self.began = true
  self.tick = api.nvim_buf_get_changedtick(self.buffer)
  api.nvim_buf_set_extmark(self.buffer, SPACE, row + #lines - 1,
    (#lines == 1 and col or 0) + #lines[#lines], { id = self.mark })
end

--- Writes text behind what was written before. Returns true, or nil and why that cannot be.
function Insertion:write(text)
  local buffer = self.buffer
  if not api.nvim_buf_is_loaded(buffer) then return nil, "the buffer is gone" end
  if not vim.bo[buffer].modifiable then return nil, "the buffer cannot be changed any more" end
  if text == "" then return true end
  local ok, err = pcall(insert, self, (text:gsub("\r\n?", "\n")))
  if not ok then return nil, tostring(err) end
  return true
end

--- Shows a few words at the place that are no part of the text; the first text takes them away.
function Insertion:hint(text)
  local row, col = where(self, self.mark)
  api.nvim_buf_set_extmark(self.buffer, SPACE, row, col, {
    id = self.mark, virt_text = { { text, "Comment" } },
  })
end

--- Takes the marks away; the text stays.
function Insertion:close()
  if not api.nvim_buf_is_valid(self.buffer) then return end
  api.nvim_buf_del_extmark(self.buffer, SPACE, self.mark)
  if self.over then api.nvim_buf_del_extmark(self.buffer, SPACE, self.over) end
end

local function new(buffer, row, col, prefix)
  return setmetatable({
    buffer = buffer,
    mark = api.nvim_buf_set_extmark(buffer, SPACE, row, col, {}),
    prefix = prefix or "",              -- goes before the first text
    over = nil,                         -- the mark behind what the first text replaces
    began = false,
    tick = nil,                         -- the buffer's, after our last change
  }, Insertion)
end

--- A place at a row and a byte column, 0-based.
function M.at(buffer, row, col)
  return new(buffer, row, col)
end

local function length(buffer, row)
  return #api.nvim_buf_get_lines(buffer, row, row + 1, true)[1]
end

--- A place on a line of its own below a row. The line is there when the text is.
function M.below(buffer, row)
  return new(buffer, row, length(buffer, row), "\n")
end

--- The place of some lines, which the first text takes.
function M.over(buffer, first, last)
  local self = new(buffer, first, 0)
  self.over = api.nvim_buf_set_extmark(buffer, SPACE, last, length(buffer, last), {})
  return self
end

return M
