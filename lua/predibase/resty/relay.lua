-- SPDX-License-Identifier: MIT
--- Sends the tokens of a stream to a browser as they are born.
--
-- One light thread waits for the model and writes; another one only writes comments while the model
-- is silent. nginx is asked to flush after each write and answers when the browser's socket took
-- the bytes, so a slow browser slows the model's connection instead of filling memory.
-- @module predibase.resty.relay

local answer = require "predibase.resty.answer"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local formats = require "predibase.resty.event_formats"
local names = require "predibase.option_names"
local nginx = require "predibase.nginx"
local semaphore = require "ngx.semaphore"
local streams = require "predibase.stream"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"

local M = {}

-- Monotonic: `ngx.now` follows the wall clock, and a step back would stop the comments.
local now = nginx.now

--- Seconds between two comments while the model is silent: as the server itself does it, and less
-- than any proxy's patience.
M.KEEP_ALIVE = 15

--- Most bytes of text that go out with one flush when many tokens are there at once.
M.BATCH = 16384

local function seconds(value, name)
  if not checks.finite(value) or value <= 0 then
    return ("%s must be a number of seconds, got %s"):format(name, checks.describe(value))
  end
end

local function callable(value, name)
  if type(value) ~= "function" then
    return ("%s must be a function, got %s"):format(name, checks.describe(value))
  end
end

local OPTIONS = {
  format = function (value)
    if type(value) ~= "string" or type(formats[value]) ~= "table" then
      return 'format must be "sse" or "text", got ' .. checks.describe(value)
    end
  end,
  keep_alive = seconds,
  head_after = seconds,
  message = callable,
  encode = callable,
  lease = function (value, name)
    if type(value) ~= "table" or type(value.leave) ~= "function" then
      return ("%s must be what limits:enter gave, got %s"):format(name, checks.describe(value))
    end
  end,
}

local Relay = {}
Relay.__index = Relay

-- Conditions of a request (RFC 9110 section 13.1). nginx looks at them when the head goes out, may
-- answer 412 or 304 by itself, and takes the request away from Lua then. A stream has no version
-- that they could be about.
local CONDITIONS = { "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
  "If-Range" }

--- The head of the answer. After it an error can only be an event.
local function begin(self)
  if self.begun then return end
  self.begun = true
  for _, name in ipairs(CONDITIONS) do ngx.req.clear_header(name) end
  ngx.status = 200
  local header = ngx.header
  header["Content-Type"] = self.format.type
  header["Cache-Control"] = "no-cache, no-transform"
  header["X-Accel-Buffering"] = "no"       -- for another nginx in front of this one
  header["X-Content-Type-Options"] = "nosniff"
  nginx.send_at_once()
  -- nginx would collect the whole answer to a request of HTTP/1.0, unless its head is out already.
  ngx.send_headers()
end

--- Waits until no other thread writes: nginx has one queue.
local function queue(self)
  while self.writing do
    local posted, why = nginx.wait(self.free, self.keep_alive)
    if posted == nil then
      self.gone = self.gone or why
      return
    end
  end
end

local function send(self, bytes)
  begin(self)
  local ok, why = ngx.print(bytes)
  if not ok then return nil, why end
  return ngx.flush(true)
end

--- Writes and waits until the browser's socket took it.
-- @treturn boolean false when the browser is gone
local function write(self, bytes)
  queue(self)
  if self.gone then return false end
  self.writing = true
  -- These raise once nginx has ended the request.
  local ran, ok, why = pcall(send, self, bytes)
  self.writing = false
  self.wrote = now()
  if self.free:count() < 0 then self.free:post(1) end
  if ran and ok then return true end
  self.gone = tostring(not ran and ok or why or "closed")
  self.stream:close()
  return false
end

--- Comments while the model is silent, from when the head may go out.
local function keep_open(self)
  ngx.sleep(self.head_after)
  while not self.over do
    local idle = now() - self.wrote
    if not self.begun or idle >= self.keep_alive then
      if not write(self, self.format.comment or "") then return end
      idle = 0
    end
    -- nginx's timers have milliseconds, and a sleep of none would not let time pass.
    ngx.sleep(math.max(self.keep_alive - idle, 0.001))
  end
end

--- A token, and those behind it that are there already, as one piece of text. Special tokens are
-- left out, and the beginning of a character waits for its rest.
local function joined(self, token)
  local text, size = self.held .. (token.special and "" or token.text), 0
  local more = streams.take_buffered_texts(self.stream)
  while more do
    text, size = text .. more, size + #more
    more = size < M.BATCH and streams.take_buffered_texts(self.stream) or nil
  end
  text, self.held = utf8.split(text)
  return text == "" and text or self.format.token(text)
end

--- The same as the program writes them, one by one.
local function encoded(self, token)
  local pieces, size = {}, 0
  repeat
    local bytes = self.encode(token)
    if bytes then
      pieces[#pieces + 1] = bytes
      size = size + #bytes
    end
    token = size < M.BATCH and streams.take_buffered(self.stream) or nil
  until not token
  return table.concat(pieces)
end

local function settled() end

--- Reads to the end. Returns the error, or nil.
local function copy(self)
  local encode = self.encode and encoded or joined
  while true do
    local token, err = self.stream:next()
    if not token then return err end
    if not self.settle then self.settle = streams.read_ahead(self.stream) or settled end
    local bytes = encode(self, token)
    if bytes ~= "" and not write(self, bytes) then
      local _, cancelled = self.stream:next()
      return cancelled
    end
  end
end

local function finish(self, err)
  local format = self.format
  if not err then
    local last = self.held ~= "" and format.token(self.held) or ""
    write(self, last .. format.done(self.stream:result()))
  elseif self.gone then
    return
  elseif not self.begun then
    answer.refuse(err, self.message)
  elseif format.failed then
    write(self, format.failed(answer.public(err, self.message)))
  else
    self.cut = true
  end
end

local function run(self)
  -- The browser may go while the model thinks. Without lua_check_client_abort nginx tells nobody,
  -- and it shows at the next write.
  pcall(ngx.on_abort, function ()
    self.gone = self.gone or "client aborted"
    self.stream:close()
  end)
  local ticker = ngx.thread.spawn(keep_open, self)
  local ok, err = pcall(copy, self)
  self.over = true
  if not ok then
    self.stream:close()
    pcall(ngx.thread.kill, ticker)
    if self.settle then self.settle() end
    error(err, 0)
  end
  -- A thread that waits for a flush cannot be killed.
  queue(self)
  pcall(ngx.thread.kill, ticker)       -- raises once nginx has ended the request
  finish(self, err)
  if self.settle then self.settle() end
  return err
end

local function check(stream, options)
  if not streams.is(stream) then
    usage.fail("relay takes a stream of client:generate_stream, got a " .. type(stream))
  end
  if options ~= nil and type(options) ~= "table" then
    usage.fail("relay takes its options as a table, got a " .. type(options))
  end
  options = options or {}
  names.check(options, OPTIONS, "option")
  for name, value in pairs(options) do
    local problem = OPTIONS[name](value, name)
    if problem then usage.fail(problem) end
  end
  if ngx.headers_sent then usage.fail("relay must come before anything else is sent") end
  return options
end

--- For a browser that asks again although it has had its answer to the end, as an `EventSource`
-- does: only this status stops it (WHATWG HTML, section 9.2.3).
local function answered(stream, lease)
  stream:close()
  if lease then lease:leave() end
  ngx.status = 204
  ngx.send_headers()
  return nil, errors.new { kind = "cancelled", phase = "closed",
    message = "the browser asked again after the end of its answer; nothing was generated" }
end

--- Sends a stream to the browser and closes it when the browser goes away (which nginx only notices
-- at once with `lua_check_client_abort on`). An error before the first token is an HTTP status with
-- JSON, `{ kind, message, retry_after }`; later it is a last event. Events are `{"text":…}`, each
-- with the text of a token, or of several that were there at once; then `done` with
-- `finish_reason` and `usage`, or `failed` (WHATWG HTML, section 9.2). Such a last event has the id
-- "done"; a request with that `Last-Event-ID` is answered 204, and the stream is not sent.
-- @tparam table stream of `client:generate_stream`, nothing of it read yet
-- @tparam ?table options `format`: `"sse"` (the default) or `"text"`, whose connection is cut when
-- the stream breaks; `keep_alive`: seconds of silence after which a comment goes out (15);
-- `head_after`: seconds after which the head goes out though there is no token yet, an error then
-- being an event (as `keep_alive`); `encode`: a function that turns a token into the bytes to send
-- (nil: nothing); `message`: a function that turns an error into the sentence to show;
-- `lease`: what `limits:enter` gave, ended with the stream
-- @treturn[1] table the result, as of `stream:result()`
-- @treturn[2] nil
-- @treturn[2] table the error; of kind "cancelled" when the browser went away, or asked again
-- @raise for wrong arguments, and what `encode` and hooks raise
function M.relay(stream, options)
  options = check(stream, options)
  if ngx.var.http_last_event_id == formats.LAST_ID then return answered(stream, options.lease) end
  local keep_alive = options.keep_alive or M.KEEP_ALIVE
  local self = setmetatable({
    stream = stream, format = formats[options.format or "sse"],
    keep_alive = keep_alive, head_after = options.head_after or keep_alive,
    encode = options.encode, message = options.message,
    held = "",                -- the beginning of a character
    begun = false,            -- the head went out
    writing = false, free = semaphore.new(0),
    wrote = now(),
    settle = nil,             -- to be called when nothing more is read
    gone = nil,               -- how the browser went away
    over = false, cut = false,
  }, Relay)
  local ok, err = pcall(run, self)
  stream:close()
  if options.lease then options.lease:leave() end
  if not ok then error(err, 0) end
  -- Half of an answer must not look like a whole one: the connection is cut without its last chunk.
  if self.cut then ngx.exit(ngx.ERROR) end
  if err then return nil, err end
  return stream:result()
end

return M
