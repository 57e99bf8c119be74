-- SPDX-License-Identifier: MIT
--- Writes answers of a language model into buffers while they arrive.

local answer = require "predibase_nvim.answer"
local insertion = require "predibase_nvim.insertion"

local api = vim.api

local M = {}

local defaults = {
  client = {},                          -- options of predibase.new
  parameters = { max_new_tokens = 512 },  -- of each request
  -- Makes the prompt from the command's words and the lines of its range (each may be "").
  format = function (words, lines)
    if words == "" or lines == "" then return words .. lines end
    return words .. "\n\n" .. lines
  end,
}

local settings = defaults
local client                            -- created at its first use
local answers = {}                      -- the answers being written: answer -> true

local function complain (message)
  vim.notify("predibase: " .. message, vim.log.levels.ERROR)
end

--- Changes the settings `client`, `parameters` and `format`; those that are not given get their
-- defaults. Answers that are being written continue with the old settings.
function M.setup (options)
  settings = vim.tbl_extend("force", defaults, options or {})
  local old = client
  client = nil
  if old and not next(answers) then old:close() end
end

--- Returns the client, which uses Neovim's own loop.
local function connect ()
  if client then return client end
  local options = vim.tbl_extend("force", settings.client, {
    loop = require("predibase.loop.luv").new(),
  })
  local made, err = require("predibase").new(options)
  client = made
  return made, err
end

--- Returns the position after the character under the cursor, where `p` would insert; in Insert
-- mode, the position of the cursor.
local function behind_cursor ()
  local row, col = unpack(api.nvim_win_get_cursor(0))
  if not api.nvim_get_mode().mode:find "^[iR]" then
    local line = api.nvim_get_current_line()
    col = col + #vim.fn.matchstr(line, ([[\%%%dc.]]):format(col + 1))
  end
  return math.max(row - 1, 0), col      -- while Neovim starts there is no row 1 yet
end

--- Returns the insertion for an answer: in place of the lines of a range, below them, or at the
-- cursor.
local function place (buffer, range, replace)
  if not range then return insertion.at(buffer, behind_cursor()) end
  local first, last = range[1] - 1, range[2] - 1
  if replace then return insertion.over(buffer, first, last) end
  return insertion.below(buffer, last)
end

--- Sends a prompt and writes the answer into the current buffer.
-- `options.range` is a first and a last line, 1-based, whose text is sent as well; with
-- `options.replace` the answer replaces these lines.
function M.ask (words, options)
  options = options or {}
  local buffer, range = api.nvim_get_current_buf(), options.range
  if not vim.bo[buffer].modifiable then return complain "this buffer cannot be changed" end
  if options.replace and not range then return complain "! needs a range of lines to replace" end
  local lines = range and api.nvim_buf_get_lines(buffer, range[1] - 1, range[2], false) or {}
  local prompt = settings.format(words, table.concat(lines, "\n"))
  if prompt == "" then return complain "what shall I ask? :Predibase {prompt}" end
  local made, err = connect()
  if not made then return complain(err.message) end
  local new = answer.start {
    stream = made:generate_stream(prompt, settings.parameters),
    insertion = place(buffer, range, options.replace),
    on_end = function (self, failure)
      answers[self] = nil
      if failure then complain(failure) end
    end,
  }
  if new.running then answers[new] = true end
end

--- Stops the answers being written in one buffer, or in all. Their text so far stays.
-- Returns the number of stopped answers.
function M.stop (buffer)
  local list = {}
  for each in pairs(answers) do
    if not buffer or each.insertion.buffer == buffer then list[#list + 1] = each end
  end
  for _, each in ipairs(list) do each:stop() end
  if #list == 0 then vim.notify "predibase: nothing is being written here" end
  return #list
end

--- Returns the number of answers being written, in one buffer or in all, for a status line.
function M.count (buffer)
  local n = 0
  for each in pairs(answers) do
    if not buffer or each.insertion.buffer == buffer then n = n + 1 end
  end
  return n
end

--- Stops everything and closes all connections.
function M.close ()
  for each in pairs(answers) do each:stop() end
  if client then client:close() end
  client = nil
end

return M
