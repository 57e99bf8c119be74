-- SPDX-License-Identifier: MIT
--- Sends the tokens of a stream to a browser as they are generated.
--
-- One light thread waits for the model and writes. A second one only writes comments while the
-- model is silent. Each write waits until the browser's socket has taken the bytes, so a slow
-- browser slows the connection to the model instead of filling the memory.
-- @module predibase.resty.relay

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local event_formats = require "predibase.resty.event_formats"
local names = require "predibase.option_names"
local nginx = require "predibase.nginx"
local semaphore = require "ngx.semaphore"
local streams = require "predibase.stream"
local usage = require "predibase.usage"
local utf8 = require "predibase.utf8"

local M = {}

local formats = event_formats.by_name

-- `ngx.now` is not used here: it follows the wall clock, and when that clock is set back, the
-- comments would stop for as long.
local now = nginx.now

--- Seconds between two comments while the model is silent. The LoRAX server uses the same time, and
-- it is shorter than the timeout of common proxies.
M.KEEP_ALIVE = 15

--- The maximum bytes of text in one write if many tokens are buffered.
M.BATCH = 16384

-- U+FFFD, in place of a character that the model has not finished.
local REPLACEMENT = "\239\191\189"

local function seconds (value, name)
  if not checks.finite(value) or value <= 0 then
    return ("%s must be a number of seconds, got %s"):format(name, checks.describe(value))
  end
end

local function callable (value, name)
  if type(value) ~= "function" then
    return ("%s must be a function, got %s"):format(name, checks.describe(value))
  end
end

local function utf8_text (value, name)
  if type(value) ~= "string" or not utf8.valid(value) then
    return ("%s must be a string in UTF-8, got %s"):format(name, checks.describe(value))
  end
end

--- The options of `resty.relay`.
-- @table RelayOptions
-- @tfield ?"sse"|"text"|"openai"|"openai_completion" format what is sent (default `"sse"`)
-- @tfield ?string model the name to show, in the formats of OpenAI
-- @tfield ?string id of the answer, in the formats of OpenAI
-- @tfield ?integer created Unix seconds, in the formats of OpenAI
-- @tfield ?boolean include_usage a last chunk with the numbers of tokens, in the formats of OpenAI
-- @tfield ?number keep_alive seconds of silence after which a comment is sent (default 15)
-- @tfield ?number head_after seconds after which the head is sent even without a token (default:
-- `keep_alive`)
-- @tfield ?AnswerReader reader separates reasoning and calls of tools from the text of the model
-- @tfield ?fun(token:Token):string? encode returns the bytes to send for a token
-- @tfield ?fun(err:Error):string? message returns the message to show for an error
-- @tfield ?Lease lease is ended with the stream

local OPTIONS = {
  format = function (value)
    if type(value) ~= "string" or not formats[value] then
      return 'format must be "sse", "text", "openai" or "openai_completion", got '
        .. checks.describe(value)
    end
  end,
  model = utf8_text,
  id = utf8_text,
  created = function (value, name)
    if not checks.integral(value) or value < 0 then
      return ("%s must be a number of Unix seconds, got %s"):format(name, checks.describe(value))
    end
  end,
  include_usage = function (value, name)
    if type(value) ~= "boolean" then
      return ("%s must be a boolean, got %s"):format(name, checks.describe(value))
    end
  end,
  keep_alive = seconds,
  head_after = seconds,
  message = callable,
  encode = callable,
  reader = function (value, name)
    if type(value) ~= "table" or type(value.feed) ~= "function" then
      return ("%s must be a reader of format:reader, got %s"):format(name, checks.describe(value))
    end
  end,
  lease = function (value, name)
    if type(value) ~= "table" or type(value.leave) ~= "function" then
      return ("%s must be a lease from limits:enter, got %s"):format(name, checks.describe(value))
    end
  end,
}

local OF_OPENAI = { model = true, id = true, created = true, include_usage = true }

local Relay = {}
Relay.__index = Relay

-- The conditional headers of a request (RFC 9110 section 13.1). nginx evaluates them when the head
-- is sent and may then answer 412 or 304 by itself and end the Lua code of the request. They make
-- no sense for a stream, which has no version.
local CONDITIONS = { "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
  "If-Range" }

--- Sends the head of the response, once. A later error can only be sent as an event.
local function begin (self)
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
  -- nginx buffers the whole response to an HTTP/1.0 request, unless its head was sent before.
  ngx.send_headers()
end

--- Waits while the other thread writes, because nginx allows only one flush at a time.
local function queue (self)
  while self.writing do
    local posted, why = nginx.wait(self.free, self.keep_alive)
    if posted == nil then
      self.gone = self.gone or why
      return
    end
  end
end

local function send (self, bytes)
  begin(self)
  local ok, why = ngx.print(bytes)
  if not ok then return nil, why end
  return ngx.flush(true)
end

--- Writes bytes and waits until the browser's socket has taken them.
-- @treturn boolean false if the browser is gone
local function write (self, bytes)
  queue(self)
  if self.gone then return false end
  self.writing = true
  -- nginx's functions raise errors once it has ended the request.
  local ran, ok, why = pcall(send, self, bytes)
  self.writing = false
  self.wrote = now()
  if self.free:count() < 0 then self.free:post(1) end
  if ran and ok then return true end
  self.gone = tostring(not ran and ok or why or "closed")
  self.stream:close()
  return false
end

--- Writes comments while the model is silent. Starts after `head_after` seconds.
local function keep_open (self)
  ngx.sleep(self.head_after)
  while not self.over do
    local idle = now() - self.wrote
    if not self.begun or idle >= self.keep_alive then
      if not write(self, self.format.comment or "") then return end
      idle = 0
    end
    -- nginx's timers count whole milliseconds, so a shorter sleep would not wait at all.
    ngx.sleep(math.max(self.keep_alive - idle, 0.001))
  end
end

--- Encodes a piece of an answer and of its reasoning, and calls.
local function encode_parts (self, text, reasoning, calls)
  local format = self.format
  local bytes = reasoning and reasoning ~= "" and format.reasoning and format:reasoning(reasoning)
    or ""
  if text ~= "" then bytes = bytes .. format:token(text) end
  if calls and format.calls then bytes = bytes .. format:calls(calls) end
  return bytes
end

--- Encodes a token, or a delta, or the text of several tokens, and the buffered tokens after it as
-- one piece of text. Leaves out special tokens and what a stop sequence removes, and keeps an
-- incomplete character back until it is complete.
local function joined (self, token)
  local text, reasoning, calls = token, nil, nil
  if type(token) == "table" then
    text, reasoning = streams.text_of(self.stream, token)
    calls = token.tool_calls
  end
  local size = #text
  text = self.held .. text
  local more = streams.take_buffered_texts(self.stream)
  while more do
    text, size = text .. more, size + #more
    more = size < M.BATCH and streams.take_buffered_texts(self.stream) or nil
  end
  text, self.held = utf8.split(text)
  if reasoning or calls then return encode_parts(self, text, reasoning, calls) end
  return text == "" and text or self.format:token(text)
end

--- Does the same as `joined`, but with the option `reader`, which divides the text of the model.
local function divided (self, token)
  local reader, pieces, size = self.reader, { self.held }, 0
  local calls, reasoning = token.tool_calls, ""        -- of a delta
  repeat
    local text, more = streams.text_of(self.stream, token)
    if token.special and reader:is_mark(token.text) then text = text .. token.text end
    pieces[#pieces + 1], reasoning = text, reasoning .. (more or "")
    size = size + #text
    token = size < M.BATCH and streams.take_buffered(self.stream) or nil
  until not token
  local text, thoughts
  text, self.held = utf8.split(table.concat(pieces))
  text, thoughts = reader:feed(text)
  return encode_parts(self, text, reasoning .. thoughts, calls)
end

--- Does the same as `joined`, but with the option `encode`, which encodes each token separately.
local function encoded (self, token)
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

local function settled () end

--- Copies the stream to the browser until its end. Returns the error, or nil.
local function copy (self)
  local encode = self.encode and encoded or self.reader and divided or joined
  local read = encode == joined and streams.read_text or self.stream.next
  while true do
    local token, err = read(self.stream)
    if not token then return err end
    if not self.settle then self.settle = streams.read_ahead(self.stream) or settled end
    local bytes = encode(self, token)
    if bytes ~= "" and not write(self, bytes) then
      local _, cancelled = self.stream:next()
      return cancelled
    end
  end
end

--- Encodes what was held back until the end.
local function last_part (self)
  if self.encode then return "" end
  local text, reasoning = streams.rest_of(self.stream)
  local unfinished
  text, unfinished = utf8.split(self.held .. text)
  -- Many clients fail at bytes that are not UTF-8.
  if unfinished ~= "" then text = text .. REPLACEMENT end
  if not self.reader then return encode_parts(self, text, reasoning) end
  local thoughts, rest, thought, calls
  text, thoughts = self.reader:feed(text)
  rest, thought, calls = self.reader:finish()
  return encode_parts(self, text .. rest, (reasoning or "") .. thoughts .. thought, calls)
end

local function finish (self, err)
  local format = self.format
  if not err then
    write(self, last_part(self) .. format:done(self.stream:result()))
  elseif self.gone then
    return
  elseif not self.begun then
    format.refuse(err, self.message)
  elseif format.failed then
    write(self, format:failed(err, self.message))
  else
    self.cut = true
  end
end

local function run (self)
  -- The browser may disconnect while the model is silent. Without lua_check_client_abort this
  -- handler is not called, and the next write fails instead.
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
  -- nginx cannot kill a thread that waits for a flush.
  queue(self)
  pcall(ngx.thread.kill, ticker)       -- raises once nginx has ended the request
  finish(self, err)
  if self.settle then self.settle() end
  return err
end

local function check (stream, options)
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
    if OF_OPENAI[name] and not formats[options.format or "sse"].of_openai then
      usage.fail(name .. ' is for the formats "openai" and "openai_completion"')
    end
  end
  if options.encode and options.reader then
    usage.fail "encode and reader cannot be combined"
  end
  if ngx.headers_sent then usage.fail("call relay before anything else is sent") end
  return options
end

--- Answers a browser that repeats its request after a complete answer, as an `EventSource` does.
-- Only the status 204 makes it stop (WHATWG HTML, section 9.2.3).
local function refuse_repeated (stream, lease)
  stream:close()
  if lease then lease:leave() end
  ngx.status = 204
  ngx.send_headers()
  return nil, errors.new { kind = "cancelled", phase = "closed",
    message = "the browser repeated its request after a complete answer; nothing was generated" }
end

--- Sends a stream to the browser, and closes the stream when the browser disconnects. nginx notices
-- that at once only with `lua_check_client_abort on`.
--
-- An error before the first token is sent as an HTTP status with JSON,
-- `{ kind, message, retry_after }`; a later one is sent as the last event. Each other event is
-- `{"text":…}` with the text of one or several tokens. The last event is `done`, with
-- `finish_reason` and `usage`, or `failed` (WHATWG HTML, section 9.2). It has the id "done". A
-- request with this id in `Last-Event-ID` is answered with 204, and the stream is not sent.
-- @tparam Stream|RunStream stream a stream of `client:generate_stream` that was not read yet
-- @tparam ?RelayOptions options `format`: `"sse"` (the default); `"text"`, whose connection is cut
-- if the stream fails; `"openai"`: chunks of OpenAI's chat completions up to `[DONE]`, errors in
-- that API's shape; `"openai_completion"`: the same for its completions. With the last two also
-- `model` (the name to show), `id`, `created` (Unix seconds) and `include_usage` (boolean, a last
-- chunk with the numbers of tokens), see `predibase.resty.openai_answers`; `keep_alive`: seconds of
-- silence after which a comment is sent (15); `head_after`: seconds after which the head is sent
-- even without a token; a later error can only be sent as an event (default: `keep_alive`);
-- `reader`: of `format:reader`, which separates reasoning and calls of tools from the text of the
-- model; `encode`: a function that returns the bytes to send for a token, or nil for none;
-- `message`: a function that returns the message to show for an error; `lease`: a lease from
-- `limits:enter`, which is ended with the stream
-- @treturn[1] Result what `stream:result()` returns
-- @treturn[2] nil
-- @treturn[2] Error the error; of kind "cancelled" if the browser disconnected or repeated its
-- request
-- @raise for wrong arguments, and any error that `encode` and hooks raise
function M.relay (stream, options)
  options = check(stream, options)
  if ngx.var.http_last_event_id == event_formats.LAST_ID then
    return refuse_repeated(stream, options.lease)
  end
  local keep_alive = options.keep_alive or M.KEEP_ALIVE
  local self = setmetatable({
    stream = stream, format = formats[options.format or "sse"].new(options),
    keep_alive = keep_alive, head_after = options.head_after or keep_alive,
    encode = options.encode, reader = options.reader, message = options.message,
    held = "",                -- an incomplete character
    begun = false,            -- the head was sent
    writing = false,          -- one of the threads writes
    free = semaphore.new(0),  -- posted when it has finished
    wrote = now(),            -- time of the last write
    settle = nil,             -- the function to call when nothing more is read
    gone = nil,               -- why the browser cannot be reached any more
    over = false,             -- the stream has ended
    cut = false,              -- the stream failed, and the format has no event for failures
  }, Relay)
  local ok, err = pcall(run, self)
  stream:close()
  if options.lease then options.lease:leave() end
  if not ok then error(err, 0) end
  -- An incomplete answer must not look complete, so the connection is cut without its last chunk.
  if self.cut then ngx.exit(ngx.ERROR) end
  if err then return nil, err end
  return stream:result()
end

return M
