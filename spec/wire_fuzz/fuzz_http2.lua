-- SPDX-License-Identifier: MIT
-- Writes answers as HTTP/2 (RFC 9113): as it allows, cut, and damaged. `fuzz_http1` describes what
-- is made. Here an element of `pieces` may also be a frame, `{ type, flags, stream, payload }`. The
-- stream is as fuzz_server.c takes it: "0" is that of the request, "c" the connection.

local http1 = require "spec.wire_fuzz.fuzz_http1"

local M = {}

local DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE,
  CONTINUATION = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
local END_STREAM, END_HEADERS, PADDED, PRIORITIES = 1, 4, 8, 32

local function chance (rng, n)
  return rng:int(1, n) == 1
end

local function number (n, bytes)
  local out = {}
  for i = bytes, 1, -1 do
    out[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(out)
end

--- Writes a length of HPACK: an integer with a prefix of seven bits (RFC 7541, section 5.1).
local function length (n)
  if n < 127 then return string.char(n) end
  local out = { string.char(127) }
  n = n - 127
  while n >= 128 do
    out[#out + 1] = string.char(128 + n % 128)
    n = math.floor(n / 128)
  end
  return table.concat(out) .. string.char(n)
end

--- Writes a field without indexing and without Huffman coding.
local function field (name, value)
  return "\0" .. length(#name) .. name .. length(#value) .. value
end

local FIELDS = { { "server", "x" }, { "x-request-id", "1" }, { "x-empty", "" },
  { "x-prompt-tokens", "3" }, { "vary", "*" }, { "x-long", ("v"):rep(300) } }

--- Returns the block of fields of a head. `more` are further fields, already written.
local function block (rng, answer, more)
  local out = { chance(rng, 2) and "\136" or field(":status", "200") }
  while chance(rng, 3) do
    local pair = rng:pick(FIELDS)
    out[#out + 1] = field(pair[1], pair[2])
  end
  out[#out + 1] = field("content-type", answer.type)
  if more then
    out[#out + 1] = more
  elseif chance(rng, 4) then
    out[#out + 1] = field("content-length", tostring(#answer.body))
  end
  return table.concat(out)
end

local function padded (rng, flags, payload)
  if not chance(rng, 6) then return flags, payload end
  local n = rng:int(0, 20)
  return flags + PADDED, string.char(n) .. payload .. ("\0"):rep(n)
end

--- Adds the frames of a head: one, or one with continuations.
local function add_head (rng, pieces, bytes, flags)
  flags = flags or 0
  if chance(rng, 6) then
    flags, bytes = flags + PRIORITIES, number(0, 4) .. "\16" .. bytes
  end
  local parts = {}
  while chance(rng, 4) and #bytes > 10 do
    local n = rng:int(1, #bytes - 1)
    parts[#parts + 1] = bytes:sub(1, n)
    bytes = bytes:sub(n + 1)
  end
  parts[#parts + 1] = bytes
  -- the priority belongs to the first frame, so it must not be cut
  if #parts > 1 and #parts[1] < 5 then parts = { table.concat(parts) } end
  for i, part in ipairs(parts) do
    local own = i == 1 and flags or 0
    if i == #parts then own = own + END_HEADERS end
    pieces[#pieces + 1] = { i == 1 and HEADERS or CONTINUATION, own, "0", part }
  end
end

local function setting (name, value)
  return number(name, 2) .. number(value, 4)
end

--- Frames that may come at any time, and mean nothing for the answer.
local function filler (rng)
  return rng:pick {
    { PING, 0, "c", number(rng:int(0, 99999), 8) }, { PING, 1, "c", number(7, 8) },
    { SETTINGS, 0, "c", "" }, { SETTINGS, 0, "c", setting(3, 100) },
    { SETTINGS, 0, "c", setting(1, 4096) .. setting(99, 5) },
    { WINDOW_UPDATE, 0, "0", number(rng:int(1, 70000), 4) },
    { WINDOW_UPDATE, 0, "c", number(rng:int(1, 70000), 4) },
    { PRIORITY, 0, "0", number(0, 4) .. "\3" }, { 33, 255, "0", "unknown" }, { 33, 0, "c", "" },
    { DATA, 0, "0", "" },
  }
end

local function add_filler (rng, pieces)
  while chance(rng, 6) do pieces[#pieces + 1] = filler(rng) end
  if chance(rng, 12) then pieces[#pieces + 1] = rng:int(0, 3) end
end

--- Adds the first `n` bytes of the body.
local function add_data (rng, pieces, answer, n)
  local at, body = 1, answer.body
  local largest = rng:pick { 10, 100, 1000, 16000 }
  if #body > 3000 and largest < 500 then largest = 500 end
  while at <= n do
    local size = math.min(n - at + 1, rng:int(1, largest))
    local flags, payload = padded(rng, 0, body:sub(at, at + size - 1))
    if at > 1 then add_filler(rng, pieces) end
    pieces[#pieces + 1] = { DATA, flags, "0", payload }
    at = at + size
  end
end

local function add_end (rng, pieces)
  local last = pieces[#pieces]
  if chance(rng, 3) and type(last) == "table" and last[1] == DATA then
    last[2] = last[2] + END_STREAM
  elseif chance(rng, 5) then
    add_head(rng, pieces, field("x-trailer", "1"), END_STREAM)
  else
    pieces[#pieces + 1] = { DATA, END_STREAM, "0", "" }
  end
end

local function add_begin (rng, pieces)
  if chance(rng, 10) then
    pieces[1] = { HEADERS, END_HEADERS, "0", field(":status", rng:pick { "103", "100" })
      .. field("link", "</a>") }
  end
  while chance(rng, 8) do pieces[#pieces + 1] = { PING, 0, "c", number(1, 8) } end
end

local function valid (rng, answer)
  local pieces = {}
  add_begin(rng, pieces)
  add_head(rng, pieces, block(rng, answer))
  add_data(rng, pieces, answer, #answer.body)
  add_end(rng, pieces)
  return { pieces = pieces, ending = "k", must = "succeed", most = #answer.texts,
    least = #answer.texts, name = "valid" }
end

-- NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM, unknown
local CODES = { 0, 1, 2, 7, 8, 11, 99 }

--- Frames that end a stream or a connection too early. Those of the first kind leave other streams
-- of the connection alone.
local function reset (rng)
  return { { RST_STREAM, 0, "0", number(rng:pick(CODES), 4) } }, "k"
end

local function close (rng)
  return {}, rng:pick { "e", "t", "r" }, true
end

local function goaway (rng)
  return { { GOAWAY, 0, "c", number(rng:pick { 0, 1, 0x7fffffff }, 4) .. number(rng:pick(CODES), 4)
    .. rng:pick { "", "why" } } }, rng:pick { "e", "t" }, true
end

local function cut (rng, answer)
  local pieces, n = {}, rng:int(0, #answer.body)
  local in_head = chance(rng, 5)
  if in_head then n = 0 end
  if not in_head then
    add_begin(rng, pieces)
    add_head(rng, pieces, block(rng, answer))
    add_data(rng, pieces, answer, n)
  end
  local frames, ending, alone = rng:pick { reset, reset, close, goaway }(rng)
  for _, frame in ipairs(frames) do pieces[#pieces + 1] = frame end
  local _, most = http1.tokens_in(answer, n)
  return { pieces = pieces, ending = ending, most = most, least = 0, alone = alone,
    must = n >= answer.complete and "either" or "fail", name = ("cut at %d"):format(n) }
end

--- Frames and heads that no server may send.
local DAMAGES = {
  { CONTINUATION, 4, "0", "\136" }, { HEADERS, 0, "0", "\136" },
  { HEADERS, 4, "0", "\255\255\255" },
  { HEADERS, 4, "0", "\128" }, { HEADERS, 4, "2", "\136" }, { DATA, 0, "c", "x" },
  { DATA, 0, "2", "x" }, { DATA, 0, "1", "x" }, { DATA, PADDED, "0", "\255x" },
  { SETTINGS, 0, "c", "12345" }, { SETTINGS, 1, "c", "123456" }, { SETTINGS, 0, "0", "" },
  { SETTINGS, 0, "c", "\0\4\255\255\255\255" }, { SETTINGS, 0, "c", "\0\5\0\0\0\1" },
  { SETTINGS, 0, "c", "\0\2\0\0\0\1" }, { PUSH, 4, "0", "\0\0\0\2\136" }, { PING, 0, "c", "1234" },
  { PING, 0, "0", "12345678" }, { WINDOW_UPDATE, 0, "0", "\0\0\0\0" },
  { WINDOW_UPDATE, 0, "c", "\0\0\0\0" }, { WINDOW_UPDATE, 0, "c", "\127\255\255\255" },
  { WINDOW_UPDATE, 0, "0", "\127\255\255\255" }, { WINDOW_UPDATE, 0, "0", "\0" },
  { RST_STREAM, 0, "c", "\0\0\0\0" }, { RST_STREAM, 0, "0", "\0" },
  { RST_STREAM, 0, "2", "\0\0\0\0" },
  { PRIORITY, 0, "0", "\0" }, { GOAWAY, 0, "c", "\0" }, { GOAWAY, 0, "0", "\0\0\0\0\0\0\0\0" },
  { DATA, 0, "0", ("z"):rep(16385) }, { HEADERS, 5, "0", "" }, { PING, 0, "c", ("p"):rep(8) },
}

local BAD_FIELDS = {
  field("content-length", "3"), field("content-length", "x"), field("Upper-Case", "x"),
  field("connection", "close"), field("transfer-encoding", "chunked"), field(":status", "201"),
  field(":path", "/"), field("x", "a\nb"), field("x", "\0"), field("content-encoding", "gzip"),
  field("content-type", "text/html"), field("", "x"), field("x-big", ("b"):rep(70000)),
  "\191", "\63\255\255\255\15", "\0\127\255\255\255\255\255\15",
}

local function damaged (rng, answer)
  local pieces, n = {}, rng:int(0, #answer.body)
  local bad_head = chance(rng, 3)
  if chance(rng, 10) then add_head(rng, pieces, field("server", "x"))      -- without a status
  else add_head(rng, pieces, block(rng, answer, bad_head and rng:pick(BAD_FIELDS) or nil)) end
  if not bad_head then
    add_data(rng, pieces, answer, n)
    for _ = 1, rng:int(1, 2) do pieces[#pieces + 1] = rng:pick(DAMAGES) end
  end
  -- the rest of the answer, as if nothing had happened
  local rest = { body = answer.body:sub(bad_head and 1 or n + 1) }
  add_data(rng, pieces, rest, #rest.body)
  add_end(rng, pieces)
  return { pieces = pieces, ending = rng:pick { "e", "t", "r" }, must = "either",
    most = #answer.texts, least = 0, alone = true, loose = false, name = "damaged frames" }
end

local INSERTS = { "\0", "\255", "\r\n", "data: ", "{", "\136", "\0\0\0" }

local function mutated (rng, answer)
  local made = valid(rng, answer)
  for _ = 1, rng:int(1, 3) do
    local frame = rng:pick(made.pieces)
    if type(frame) == "table" then
      local how = rng:int(1, 5)
      if how == 1 then frame[1] = rng:int(0, 12)
      elseif how == 2 then frame[2] = rng:int(0, 255)
      elseif how == 3 then frame[3] = rng:pick { "c", "1", "2", "0" }
      else frame[4] = rng:mutate(frame[4], INSERTS) end
    end
  end
  if chance(rng, 5) then
    table.insert(made.pieces, rng:int(1, #made.pieces), rng:bytes(rng:int(1, 30)))
  end
  made.must, made.least, made.alone, made.loose = "either", 0, true, true
  made.ending, made.name = rng:pick { "e", "t", "r" }, "mutated frames"
  return made
end

local function refused (rng)
  local body = rng:pick { '{"error":"no","error_type":"overloaded"}', "", "<html>" }
  local pieces = { { HEADERS, END_HEADERS, "0", field(":status", rng:pick { "400", "401", "404",
    "429", "500", "502", "503", "504", "302" }) .. field("retry-after-ms", "1") } }
  pieces[2] = { DATA, END_STREAM, "0", body }
  return { pieces = pieces, ending = "k", must = "fail", most = 0, least = 0, name = "an error" }
end

local function stalled (rng, answer)
  local made = cut(rng, answer)
  for i = #made.pieces, 1, -1 do
    local kind = type(made.pieces[i]) == "table" and made.pieces[i][1]
    if kind == RST_STREAM or kind == GOAWAY then table.remove(made.pieces, i) end
  end
  made.ending, made.stalls, made.name = "h", true, "stalled, " .. made.name
  return made
end

local WAYS = { valid, valid, valid, valid, cut, cut, cut, damaged, damaged, mutated, refused }

--- Makes a response with an answer.
-- @tparam table rng see `spec.support.random`
-- @tparam table answer of `fuzz_answers`
-- @treturn table see `fuzz_http1`
function M.make (rng, answer)
  if chance(rng, 60) then return stalled(rng, answer) end
  return rng:pick(WAYS)(rng, answer)
end

return M
