-- SPDX-License-Identifier: MIT
-- Writes answers as HTTP/1.1 (RFC 9112): as it allows, nearly as it allows, and damaged.
--
-- A response is a table: `pieces` (what is sent: strings, and numbers for pauses in milliseconds),
-- `ending` (the last word of the script, see fuzz_server.c), and what may come of it:
--
-- * `must`: "succeed", "fail" or "either"
-- * `most`: at most so many tokens may be returned
-- * `least`: at least so many, if the connection was not reset
-- * `alone`: needs a client of its own, because what follows on its connection is not a response
-- * `loose`: bytes of the answer itself are damaged, so tokens may be missing

local M = {}

local function chance (rng, n)
  return rng:int(1, n) == 1
end

-- Bodies on the wire. `map` lists pieces of the body: where they begin on the wire, where in the
-- body, and how long they are.

local EXTENSIONS = { ";a", ";a=b", ';a="b;c"', "; a = b", ";" }

local function chunked (rng, answer)
  local body, out, map = answer.body, {}, {}
  local size, at = 0, 1
  local largest = rng:pick { 3, 20, 200, 100000 }
  if #body > 3000 and largest < 200 then largest = 200 end
  local function write (bytes)
    out[#out + 1] = bytes
    size = size + #bytes
  end
  while at <= #body do
    local n = math.min(#body - at + 1, rng:int(1, largest))
    local head = ("%x"):format(n)
    if chance(rng, 5) then head = head:upper() end
    if chance(rng, 8) then head = ("0"):rep(rng:int(1, 6)) .. head end
    if chance(rng, 8) then head = head .. rng:pick(EXTENSIONS) end
    write(head .. "\r\n")
    map[#map + 1] = { wire = size, body = at - 1, n = n }
    write(body:sub(at, at + n - 1) .. "\r\n")
    at = at + n
  end
  local last = size
  write((chance(rng, 8) and "000" or "0") .. (chance(rng, 8) and rng:pick(EXTENSIONS) or "")
    .. "\r\n")
  while chance(rng, 6) do write(rng:pick { "x-time: 3\r\n", "etag: \"a\"\r\n", "x-empty:\r\n" }) end
  write "\r\n"
  return table.concat(out), map, last
end

local function plain (answer)
  return answer.body, { { wire = 0, body = 0, n = #answer.body } }, #answer.body
end

--- Returns how many bytes of the body are complete after so many bytes on the wire.
local function received (map, wire)
  local got = 0
  for _, piece in ipairs(map) do
    if wire <= piece.wire then break end
    got = piece.body + math.min(piece.n, wire - piece.wire)
  end
  return got
end

--- Returns how many tokens are complete after so many bytes of the body, and how many at most.
local function tokens_in (answer, got)
  local least, most = 0, 0
  for i = 1, #answer.texts do
    local complete = answer.ends[i] or #answer.body
    if complete <= got then least = i end
    if (answer.ends[i - 1] or 0) < got then most = i end
  end
  return least, most
end
M.tokens_in = tokens_in

-- Heads.

local FIELDS = { "Server: x", "x-request-id: 1", "X-Empty:", "Via:1.1 a, 1.1 b", "date:\t today \t",
  "x-prompt-tokens: 3", "Vary: *", "x-ratelimit-remaining: 7", "Content-Language: de",
  "ALT-SVC: clear" }

local INTERIM = { "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
  "HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 110 Something\r\nx: y\r\n\r\n" }

local function any_case (rng, name)
  return rng:pick { name, name, name:upper(), (name:gsub("%f[%w]%w", string.upper)) }
end

local function head (rng, lines, status)
  local all = { status or rng:pick { "HTTP/1.1 200 OK", "HTTP/1.1 200 OK", "HTTP/1.1 200 ",
    "HTTP/1.1 200 Fine by me" } }
  for _, line in ipairs(lines) do
    while chance(rng, 4) do all[#all + 1] = rng:pick(FIELDS) end
    all[#all + 1] = line
  end
  return table.concat(all, "\r\n") .. "\r\n\r\n"
end

local function interim (rng)
  local out = ""
  while chance(rng, 8) do out = out .. rng:pick(INTERIM) end
  return out
end

--- Makes the parts of a valid response: `before` (1xx), `lines`, `body`, `map`, `last` (where the
-- mark of the end of the body begins), `framing`.
local function parts_of (rng, answer, framing)
  local parts = { framing = framing, before = interim(rng),
    lines = { any_case(rng, "content-type") .. ": " .. answer.type
      .. rng:pick { "", "", "; charset=utf-8" } } }
  local at = rng:int(1, 2)
  if framing == "chunked" then
    parts.body, parts.map, parts.last = chunked(rng, answer)
    table.insert(parts.lines, at, any_case(rng, "transfer-encoding") .. ": "
      .. rng:pick { "chunked", "chunked", "Chunked" })
  else
    parts.body, parts.map, parts.last = plain(answer)
    if framing == "length" then
      table.insert(parts.lines, at, ("%s: %d"):format(any_case(rng, "content-length"),
        #answer.body))
    else
      table.insert(parts.lines, at, "connection: close")
    end
  end
  return parts
end

--- Cuts bytes into pieces, with a pause here and there.
local function pieces_of (rng, bytes)
  local pieces, at = {}, 1
  if #bytes == 0 then return pieces end
  local n = chance(rng, 2) and 1 or rng:int(2, 6)
  while at <= #bytes and n > 1 do
    local to = rng:int(at, #bytes)
    pieces[#pieces + 1] = bytes:sub(at, to)
    if chance(rng, 6) then pieces[#pieces + 1] = rng:int(0, 3) end
    at, n = to + 1, n - 1
  end
  if at <= #bytes then pieces[#pieces + 1] = bytes:sub(at) end
  return pieces
end
M.pieces_of = pieces_of

local FRAMINGS = { "chunked", "chunked", "chunked", "length", "length", "close" }

local function is_whole (answer)
  return #answer.ends == 0
end

local function valid (rng, answer)
  local parts = parts_of(rng, answer, rng:pick(FRAMINGS))
  local bytes = parts.before .. head(rng, parts.lines) .. parts.body
  local keeps = parts.framing ~= "close" and chance(rng, 4) == false
  return { pieces = pieces_of(rng, bytes), ending = keeps and "k" or "e", must = "succeed",
    most = #answer.texts, least = #answer.texts, name = "valid, " .. parts.framing }
end

--- A valid response of which the end is missing.
local function cut (rng, answer)
  local parts = parts_of(rng, answer, rng:pick(FRAMINGS))
  local first = parts.before .. head(rng, parts.lines)
  local size = #first + #parts.body
  local at = chance(rng, 4) and rng:int(0, #first) or rng:int(0, size - 1)
  if chance(rng, 5) then at = math.max(0, size - rng:int(1, 8)) end
  local got = received(parts.map, at - #first)
  local ending = rng:pick { "e", "t", "r" }
  local must = got >= answer.complete and "either" or "fail"
  if is_whole(answer) and parts.framing == "length" and at < size then must = "fail" end
  if is_whole(answer) and parts.framing == "chunked" and at <= #first + parts.last then
    must = "fail"
  end
  local least, most = tokens_in(answer, got)
  if ending == "r" then least = 0 end
  return { pieces = pieces_of(rng, (first .. parts.body):sub(1, at)), ending = ending, must = must,
    most = most, least = least, name = ("cut at %d of %d, %s"):format(at, size, parts.framing) }
end

-- Errors that a server or a gateway reports.

local STATUSES = { "400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found",
  "408 Request Timeout", "409 Conflict", "413 Payload Too Large", "422 Unprocessable Entity",
  "424 Failed Dependency", "429 Too Many Requests", "500 Internal Server Error", "502 Bad Gateway",
  "503 Service Unavailable", "504 Gateway Timeout", "599 Odd", "418 Teapot", "301 Moved",
  "204 No Content", "304 Not Modified", "206 Partial Content", "999 Huge" }

local ERROR_BODIES = { '{"error":"no","error_type":"validation"}', '{"error":"no"}', "",
  '{"error":{"message":"no","type":"overloaded"}}', "<html>no</html>", "upstream connect error",
  "{",
  '{"detail":[{"loc":[1],"msg":"no"}]}', "null", "[]", '"no"', ("x"):rep(2000) }

local function refused (rng)
  local status, body = rng:pick(STATUSES), rng:pick(ERROR_BODIES)
  local lines = { "content-length: " .. #body }
  if chance(rng, 3) then lines[2] = "retry-after-ms: " .. rng:int(0, 3) end
  if chance(rng, 4) then lines[#lines + 1] = "location: /elsewhere" end
  if status:find "^[23]04" then
    return { pieces = { "HTTP/1.1 " .. status .. "\r\n\r\n" }, ending = "e", must = "fail",
      most = 0, least = 0, name = "status " .. status, alone = true }
  end
  return { pieces = pieces_of(rng, head(rng, lines, "HTTP/1.1 " .. status) .. body),
    ending = rng:pick { "k", "e" }, must = status:find "^206" and "either" or "fail", most = 0,
    least = 0, name = "status " .. status }
end

-- Damages of the framing, which leave the bytes of the answer as they are. Each changes `parts`
-- (`lines`, `body`, `status`, `before`, `extra`, `newline`). A client may be lenient or not, but
-- must not return anything else than was sent.

local function same_lengths (_, parts, answer)
  parts.lines[#parts.lines + 1] = "content-length: " .. #answer.body
end

local function other_length (rng, parts, answer)
  parts.lines[#parts.lines + 1] = ("content-length: %d"):format(rng:pick { 0, 1, #answer.body - 1,
    #answer.body + 1, #answer.body * 2, 7 })
end

local function odd_length (rng, parts)
  parts.lines[#parts.lines + 1] = "content-length: " .. rng:pick { "-1", "+5", "0x10", "5, 6",
    "5,5", "99999999999999999999999", "1e3", "", " ", "12abc", "1 2" }
end

local function folded (rng, parts)
  local at = rng:int(1, #parts.lines + 1)
  table.insert(parts.lines, at, rng:pick { "x-a: b\r\n c", "x-a:\r\n\tb", "x-a: b\r\n \r\n c" })
end

local function folded_framing (rng, parts)
  for i, line in ipairs(parts.lines) do
    parts.lines[i] = line:gsub(":%s*", rng:pick { ":\r\n ", ": \r\n\t" }, 1)
  end
end

local BAD_LINES = { "no colon", ": no name", "sp ace: x", "space : x", "nul: a\0b", "bell: \a",
  "high: \255\254", "cr: a\rb", "transfer-encoding: gzip", "transfer-encoding: chunked, chunked",
  "transfer-encoding: identity", "content-encoding: gzip", "content-encoding: br",
  "content-type: text/html", "content-type: ;", "upgrade: h2c", "trailer: x", "connection: close",
  "connection: keep-alive, upgrade", "keep-alive: timeout=0" }

local function bad_line (rng, parts)
  table.insert(parts.lines, rng:int(1, #parts.lines + 1), rng:pick(BAD_LINES))
end

local function bad_status (rng, parts)
  parts.status = rng:pick { "HTTP/1.1 abc", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1",
    "ICY 200 OK",
    "HTTP/9.9 200 OK", "HTTP/2 200", "http/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1  200  OK",
    "\r\nHTTP/1.1 200 OK", "garbage", "HTTP/1.1 101 Switching", "HTTP/1.1 199 X", "HTTP/0.9 200 OK",
    "HTTP/1.1 -200 OK", "HTTP/1.1 200 OK\r\nHTTP/1.1 500 No" }
end

local function many_fields (rng, parts)
  local n = rng:pick { 50, 127, 300 }
  for i = 1, n do
    parts.lines[#parts.lines + 1] = ("x-%d: %s"):format(i, ("v"):rep(rng:int(0, 300)))
  end
end

local function bare_newlines (_, parts)
  parts.newline = "\n"
end

local function endless_interim (rng, parts)
  parts.before = rng:pick(INTERIM):rep(rng:int(20, 200))
end

--- Changes the size of one chunk. After it, the bytes mean something else.
local function chunk_size (rng, parts, answer)
  if parts.framing ~= "chunked" or #parts.map == 0 then return other_length(rng, parts, answer) end
  local piece = rng:pick(parts.map)
  local before = parts.body:sub(1, piece.wire - 2)
  local line = before:find "[^\n]*$"
  local size = rng:pick { ("%x"):format(piece.n + rng:int(1, 40)), "0", "-1", "xyz", "", " 5", "5 ",
    ("%x"):format(math.max(1, piece.n - rng:int(1, 5))), "ffffffffffffffff", "fffffffffffffffff1",
    "0x5", "80000000", "7fffffffffffffff", "+5", "5\r" }
  parts.body = parts.body:sub(1, line - 1) .. size .. parts.body:sub(piece.wire - 1)
end

--- Removes or changes the line end after a chunk.
local function chunk_end (rng, parts)
  if parts.framing ~= "chunked" or #parts.map == 0 then return folded(rng, parts) end
  local piece = rng:pick(parts.map)
  local at = piece.wire + piece.n
  parts.body = parts.body:sub(1, at) .. rng:pick { "", "\n", "\r", "\n\r", "xx", "\r\n\r\n" }
    .. parts.body:sub(at + 3)
end

local function last_chunk (rng, parts)
  if parts.framing ~= "chunked" then return bad_line(rng, parts) end
  parts.body = parts.body:sub(1, parts.last) .. rng:pick { "", "1\r\n", "0\r\nbad trailer\r\n\r\n",
    "0\r\n" .. ("x: y\r\n"):rep(300) .. "\r\n", "z\r\n", "0\r\n \r\n\r\n" }
end

local function extra_bytes (rng, parts)
  parts.extra = rng:pick { "x", "\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "0\r\n\r\n",
    "data: {}\n\n", ("\0"):rep(100) }
end

local DAMAGES = { same_lengths = same_lengths, other_length = other_length, odd_length = odd_length,
  folded = folded, folded_framing = folded_framing, bad_line = bad_line, bad_status = bad_status,
  many_fields = many_fields, bare_newlines = bare_newlines, endless_interim = endless_interim,
  chunk_size = chunk_size, chunk_end = chunk_end, last_chunk = last_chunk,
  extra_bytes = extra_bytes }
local NAMES = {}
for name in pairs(DAMAGES) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

local function damaged (rng, answer)
  local parts = parts_of(rng, answer, rng:pick(FRAMINGS))
  local name = rng:pick(NAMES)
  DAMAGES[name](rng, parts, answer)
  local first = head(rng, parts.lines, parts.status)
  if parts.newline then first = first:gsub("\r\n", parts.newline) end
  local ending = rng:pick { "e", "e", "t", "r" }
  return { pieces = pieces_of(rng, parts.before .. first .. parts.body .. (parts.extra or "")),
    ending = ending, must = "either", most = #answer.texts, least = 0, alone = true,
    -- a chunk that is longer by chance as much as its neighbours contains their sizes
    loose = name == "chunk_size", name = ("%s, %s"):format(name, parts.framing) }
end

-- Damages of any byte.

local INSERTS = { "\r\n", "\n", "\r\n\r\n", "\0", "\255", ":", "0\r\n\r\n", "5\r\n", "ffffffff\r\n",
  "HTTP/1.1 500 Oops\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "content-length: 5\r\n",
  "transfer-encoding: chunked\r\n", "content-encoding: gzip\r\n", "data: ", "data: [DONE]\n\n",
  ":\n\n", "event: x\n", '"', "{", "}", "[", "null", '"error":"oh",', "1e999", "\\ud83d",
  "\240\159",
  ("["):rep(300) }

local function mutated (rng, answer)
  local parts = parts_of(rng, answer, rng:pick(FRAMINGS))
  local bytes = rng:mutate(parts.before .. head(rng, parts.lines) .. parts.body, INSERTS)
  return { pieces = pieces_of(rng, bytes), ending = rng:pick { "e", "t", "r" }, must = "either",
    most = #answer.texts, least = 0, alone = true, loose = true, name = "mutated" }
end

local function silent (rng)
  return { pieces = {}, ending = rng:pick { "e", "t", "r" }, must = "fail", most = 0, least = 0,
    name = "no answer" }
end

--- Sends a part of the answer, and then nothing until the client gives up.
local function stalled (rng, answer)
  local made = cut(rng, answer)
  made.ending, made.stalls, made.name = "h", true, "stalled, " .. made.name
  made.least = 0
  return made
end

local WAYS = { valid, valid, valid, valid, cut, cut, cut, damaged, damaged, damaged, mutated,
  mutated, refused }

--- Makes a response with an answer.
-- @tparam table rng see `spec.support.random`
-- @tparam table answer of `fuzz_answers`
-- @treturn table see above
function M.make (rng, answer)
  if chance(rng, 60) then return silent(rng, answer) end
  if chance(rng, 60) then return stalled(rng, answer) end
  return rng:pick(WAYS)(rng, answer)
end

return M
