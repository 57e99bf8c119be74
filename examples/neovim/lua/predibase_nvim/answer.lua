-- SPDX-License-Identifier: MIT
--- Writes one answer from a stream into a buffer, in a coroutine that Neovim's loop resumes when
-- there is something to write.

local utf8 = require "predibase.utf8"

local api = vim.api

local M = {}

--- The most tokens that are written before the editor gets control again. After a stall of the
-- network, hundreds may arrive at once.
local BATCH = 64

local Answer = {}
Answer.__index = Answer

--- Lets the editor process its events. (A timer is needed: vim.schedule would resume us before
-- that.)
local function give_way ()
  local co = coroutine.running()
  vim.defer_fn(function () assert(coroutine.resume(co)) end, 1)
  coroutine.yield()
end

--- Waits for a token. Returns the text of all tokens that have arrived, and the reason why it
-- stopped: "more" when there may be others, "pending", an error, or nil at the end.
local function take (stream)
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
local function read (self)
  local held = ""                       -- the bytes of an incomplete character
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

local function finish (self, failure)
  if not self.running then return end
  self.running = false
  pcall(api.nvim_del_autocmd, self.autocmd)
  self.stream:close()
  self.insertion:close()
  self:on_end(failure)
end

--- Closes the connection; the text written so far stays.
function Answer:stop ()
  self.stopped = true
  finish(self)
end

--- Starts an answer. Calls `on_end(answer, failure)` once; `failure` is a text, or nil when the
-- answer is complete or was stopped.
function M.start (options)
  local self = setmetatable({
    stream = options.stream,
    insertion = options.insertion,
    on_end = options.on_end,
    running = true,
    stopped = false,
    autocmd = nil,
  }, Answer)
  -- When the buffer is deleted or reloaded, the position to write at is lost.
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
