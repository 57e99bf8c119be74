-- SPDX-License-Identifier: MIT
-- A Neovim without a screen, driven from outside: what is typed goes through its keyboard, and each
-- question about it is answered by the editor itself, between whatever else it does.

local cjson = require "cjson"
local child = require "spec.support.child"
local uv = require "luv"

local M = {}

local PATIENCE = 30e9                   -- nanoseconds, far beyond what anything takes

local Editor = {}
Editor.__index = Editor

-- How often a question is asked again when the editor, which is busy, refuses the connection.
local TRIES = 5

local function run (self, ...)
  local remote
  for _ = 1, TRIES do
    remote = child.start("nvim", {
      args = { "--clean", "--headless", "--server", self.address, ... }, env = child.STRANGER,
    })
    if remote:wait() == 0 or not remote.stderr:find("refused", 1, true) then break end
  end
  if remote.code ~= 0 then
    uv.run "nowait"
    local process = self.process
    error(("%sthe editor: code %s, signal %s\n%s"):format(remote.stderr, tostring(process.code),
      tostring(process.signal), process.stderr:sub(-600)), 0)
  end
  return remote.stdout .. remote.stderr       -- 0.7 writes to the latter
end

--- Types; as in a mapping: <Esc>, <CR>, <lt>.
function Editor:type (keys)
  run(self, "--remote-send", keys)
end

--- The value of a Lua expression.
function Editor:get (expression)
  local wrapped = ("json_encode(luaeval('%s'))"):format(expression:gsub("'", "''"))
  local text = run(self, "--remote-expr", wrapped)
  local ok, value = pcall(cjson.decode, "[" .. text .. "]")
  return assert(ok and value, expression .. " gave " .. text)[1]
end

--- Runs a command, typed.
function Editor:command (text)
  self:type("<Esc>:" .. text:gsub("<", "<lt>") .. "<CR>")
end

--- The text of a buffer (the current one).
function Editor:text (buffer)
  return table.concat(self:get(("vim.api.nvim_buf_get_lines(%d, 0, -1, false)"):format(
    buffer or 0)), "\n")
end

--- How many answers are being written.
function Editor:count ()
  return self:get 'require("predibase_nvim").count()'
end

--- What the user was told, as one text; forgets it.
function Editor:told ()
  local list = self:get "Told"
  self:get "(function () Told = {} return true end)()"
  local lines = {}
  for i, each in ipairs(list) do lines[i] = each.level .. ": " .. each.message end
  return table.concat(lines, "\n")
end

--- Waits until a function of this editor gives a true value.
function Editor:wait (condition)
  local began = uv.hrtime()
  while not condition(self) do
    if uv.hrtime() - began > PATIENCE then
      error("waited in vain; the text is:\n" .. self:text() .. "\ntold:\n" .. self:told(), 2)
    end
  end
end

--- Waits until the buffer has this text.
function Editor:wait_text (text)
  self:wait(function () return self:text() == text end)
end

--- Waits until all answers have ended.
function Editor:wait_end ()
  self:wait(function () return self:count() == 0 end)
end

--- Begins a buffer of its own with these lines, in Normal mode, the cursor on its first character.
function Editor:new_buffer (text)
  self:type "<Esc>:enew!<CR>"
  self:get(([[vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(%q, "\n"))]]):format(text)
    :gsub("\\\n", "\\n"))
  -- A change of its own for undo.
  self:type "<Esc>:let &undolevels = &undolevels<CR>gg0"
  return self:get "vim.api.nvim_get_current_buf()"
end

--- Ends it as a user does; returns its exit code.
function Editor:quit (command)
  if self.process.code then return self.process.code end
  -- It may be gone before it can say that it has understood.
  pcall(self.type, self, ("<C-\\><C-n>:%s<CR>"):format(command or "qa!"))
  local code = self.process:wait()
  os.remove(self.address)
  return code
end

--- Starts one whose requests go to a URL.
function M.start (url)
  local address = os.tmpname()
  os.remove(address)
  local self = setmetatable({ address = address }, Editor)
  self.process = child.start("nvim", {
    args = { "--headless", "-u", "spec/examples/neovim/init.lua", "-i", "NONE", "--listen",
      address },
    keep_stdin = true,
    env = {
      PLUGIN = "examples/neovim", PREDIBASE_BASE_URL = url, LD_PRELOAD = "",
      LUA_PATH = "./lua/?.lua;./lua/?/init.lua;;",
      LUA_CPATH = ("./%s/luajit/?.so;;"):format(os.getenv "BUILDDIR" or "build"),
    },
  })
  local began = uv.hrtime()
  while not uv.fs_stat(address) do
    assert(uv.hrtime() - began < PATIENCE, "Neovim does not start: " .. self.process.stderr)
    uv.run "nowait"
    uv.sleep(5)
  end
  return self
end

return M
