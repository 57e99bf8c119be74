-- SPDX-License-Identifier: MIT
--- One answer on its way from a stream into a buffer: a coroutine, which Neovim's loop resumes when
-- there is something to write.

local utf8 = require "predibase.utf8"

local api = vim.api

local M = {}

--- Tokens that are written at once, and without a look at what the user types: after a stall of
-- the network hundreds may be there.
local BATCH = 64

local Answer = {}
Answer.__index = Answer

--- Lets the editor do what else there is. (What is only scheduled would still come before it.)
local function give_way()
  local co = coroutine.running()
  vim.defer_fn(function () assert(coroutine.resume(co)) end, 1)
  coroutine.yield()
end

--- The text of the tokens that are there, at least of one; waits for that. Then what came instead
-- of a further one: "more" when there may be some, "pending", an error, or nil at the end.
local function take(stream)
  local parts = {}
  local token, why = stream:next()
  for _ = 1, BATCH do
    if not token then return table.concat(parts), why end
    if not token.special then parts[#parts + 1] = token.text end
    token, why = stream:poll()
  end
  if token and not token.special then parts[#parts + 1] = token.text end
  return table.concat(parts), token and "more" or why
end

--- Reads the stream to its end; returns why it ended early.
local function read(self)
  local held = ""                       -- the beginning of a character
  while true do
    local text, why = take(self.stream)
    if self.stopped then return nil end
    local ended = why ~= "more" and why ~= "pending"
    text, held = utf8.split(held .. text)
    local ok, complaint = self.insertion:write(ended and text .. held or text)
    if not ok then return complaint end
    if ended then return why and why.message end
    if why == "more" then
      give_way()
      if self.stopped then return nil end
    end
  end
end

local function finish(self, failure)
  if not self.running then return end
  self.running = false
  pcall(api.nvim_del_autocmd, self.autocmd)
  self.stream:close()
  self.insertion:close()
  self:on_end(failure)
end

--- Closes the connection; what was written stays.
function Answer:stop()
  self.stopped = true
  finish(self)
end

--- Starts one. `on_end(answer, failure)` is called once; `failure` is a text, or nil when the
-- answer is complete or was stopped.
function M.start(options)
  local self = setmetatable({
    stream = options.stream,
    insertion = options.insertion,
    on_end = options.on_end,
    running = true,
    stopped = false,
    autocmd = nil,
  }, Answer)
  -- Deleted, or read anew from its file: the place to write at is gone.
  self.autocmd = api.nvim_create_autocmd("BufUnload", {
    buffer = self.insertion.buffer,
    callback = function () self:stop() end,
  })
  self.insertion:hint "thinking…"
  coroutine.wrap(function ()
    local ok, failure = xpcall(read, debug.traceback, self)
    finish(self, failure)
    if not ok then error(failure, 0) end
  end)()
  return self
end

return M
