-- SPDX-License-Identifier: MIT
--- A position in a buffer at which text is inserted. An extmark keeps the position correct while
-- the user edits the text around it.

local api = vim.api

local M = {}

local SPACE = api.nvim_create_namespace "predibase"

local Insertion = {}
Insertion.__index = Insertion

--- Returns the row and column of a mark, or nothing when it no longer exists.
local function where (self, mark)
  local at = api.nvim_buf_get_extmark_by_id(self.buffer, SPACE, mark, {})
  return at[1], at[2]
end

--- Calls a function that changes the buffer, and keeps all cursors at their characters.
local function keep_cursors (self, change)
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

--- Joins the next change with our last one, so that one undo reverts both. Does nothing if the user
-- has changed something in the meantime, because that change would be undone as well.
local function join_undo (self)
  if self.tick ~= api.nvim_buf_get_changedtick(self.buffer) then return end
  -- Fails when the user has undone our last change.
  pcall(api.nvim_buf_call, self.buffer, function () vim.cmd "undojoin" end)
end

--- Returns the first text as it is to be inserted. Its leading blanks are removed unless the
-- position follows other text on its line.
local function first_text (self, text, row, col)
  if self.prefix == "" and col > 0 then
    local line = api.nvim_buf_get_lines(self.buffer, row, row + 1, true)[1]
    if line:sub(1, col):find "%S" then return text end
  end
  return (text:gsub("^%s+", ""))
end

local function insert (self, text)
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

--- Appends text. Returns true, or nil and the reason why it cannot.
function Insertion:write (text)
  local buffer = self.buffer
  if not api.nvim_buf_is_loaded(buffer) then return nil, "the buffer is gone" end
  if not vim.bo[buffer].modifiable then return nil, "the buffer cannot be changed any more" end
  if text == "" then return true end
  local ok, err = pcall(insert, self, (text:gsub("\r\n?", "\n")))
  if not ok then return nil, tostring(err) end
  return true
end

--- Shows a few words at the position without inserting them; the first text removes them.
function Insertion:hint (text)
  local row, col = where(self, self.mark)
  api.nvim_buf_set_extmark(self.buffer, SPACE, row, col, {
    id = self.mark, virt_text = { { text, "Comment" } },
  })
end

--- Removes the marks; the text stays.
function Insertion:close ()
  if not api.nvim_buf_is_valid(self.buffer) then return end
  api.nvim_buf_del_extmark(self.buffer, SPACE, self.mark)
  if self.over then api.nvim_buf_del_extmark(self.buffer, SPACE, self.over) end
end

local function new (buffer, row, col, prefix)
  return setmetatable({
    buffer = buffer,
    mark = api.nvim_buf_set_extmark(buffer, SPACE, row, col, {}),
    prefix = prefix or "",              -- inserted before the first text
    over = nil,                         -- the mark at the end of the lines to be replaced
    began = false,
    tick = nil,                         -- the buffer's changedtick after our last change
  }, Insertion)
end

--- Returns an insertion at a row and a byte column, 0-based.
function M.at (buffer, row, col)
  return new(buffer, row, col)
end

local function length (buffer, row)
  return #api.nvim_buf_get_lines(buffer, row, row + 1, true)[1]
end

--- Returns an insertion on a new line below a row. The line is added with the first text.
function M.below (buffer, row)
  return new(buffer, row, length(buffer, row), "\n")
end

--- Returns an insertion that replaces some lines when the first text arrives.
function M.over (buffer, first, last)
  local self = new(buffer, first, 0)
  self.over = api.nvim_buf_set_extmark(buffer, SPACE, last, length(buffer, last), {})
  return self
end

return M
