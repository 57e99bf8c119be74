-- SPDX-License-Identifier: MIT
--- Makes the error objects of the library, and removes secrets and unprintable bytes from texts.
-- @module predibase.errors

local utf8 = require "predibase.utf8"

local M = {}

--- An error. `tostring` of it is one line for a log.
-- @table Error
-- @tfield ErrorKind kind what happened: one of `kinds`, see docs/errors.md
-- @tfield string message what happened, in a sentence
-- @tfield boolean retryable whether the same call may succeed later
-- @tfield ?integer status of HTTP
-- @tfield ?string error_type the server's word for the kind
-- @tfield ?string phase where the call was
-- @tfield ?number retry_after seconds after which the server wants to be asked again
-- @tfield ?boolean sent whether the request may have reached the server
-- @tfield ?integer attempts the number of attempts
-- @tfield ?string request_id the `X-Request-Id` that was sent
-- @tfield ?string trace_id for questions to the provider
-- @tfield ?string partial_text the text that was received before the error
-- @tfield ?string partial_reasoning the reasoning that was received before the error
-- @tfield ?integer tokens the number of tokens that were received before the error
-- @tfield ?table<string,string> headers of the response: lower-case name -> value
-- @tfield ?string body an excerpt of the response, at most 512 bytes
-- @tfield ?Error[] earlier the errors of the other clients, with the option `fallback`
-- @tfield ?integer line where in a file or a template
-- @tfield ?integer column where in a template
-- @tfield ?string path the part of a JSON value that does not fit its schema
-- @tfield ?string reason why it does not fit
-- @tfield ?boolean unfinished a file ends before its header does
-- @tfield ?Message[] messages the new messages of `session:run`
-- @tfield ?string traceback of the task that raised the error

--- Every kind of error. `retryable` is the default of the field of that name; a `timeout` is also
-- retryable when its phase is `connect`. `exit` is the exit code of the `predibase` command, which
-- uses 1 for internal errors and 64 for wrong usage.
M.kinds = {
  config = { retryable = false, exit = 2 },
  validation = { retryable = false, exit = 3 },
  authentication = { retryable = false, exit = 4 },
  permission = { retryable = false, exit = 5 },
  not_found = { retryable = false, exit = 6 },
  rate_limited = { retryable = true, exit = 7 },
  overloaded = { retryable = true, exit = 8 },
  generation = { retryable = false, exit = 9 },
  incomplete_generation = { retryable = true, exit = 10 },
  template = { retryable = false, exit = 11 },
  tool = { retryable = false, exit = 12 },
  timeout = { retryable = false, exit = 13 },
  connection = { retryable = true, exit = 14 },
  tls = { retryable = false, exit = 15 },
  protocol = { retryable = false, exit = 16 },
  server = { retryable = false, exit = 17 },
  too_large = { retryable = false, exit = 18 },
  cancelled = { retryable = false, exit = 130 },
}

local mt = { __name = "predibase.error" }

function mt.__tostring (err)
  local notes = {}
  if err.status then notes[#notes + 1] = "status " .. tostring(err.status) end
  if err.attempts then
    notes[#notes + 1] = ("%s attempt%s"):format(tostring(err.attempts),
      err.attempts == 1 and "" or "s")
  end
  if err.trace_id then notes[#notes + 1] = "trace id " .. tostring(err.trace_id) end
  local text = ("predibase: %s: %s"):format(tostring(err.kind), tostring(err.message))
  if #notes == 0 then return text end
  return ("%s (%s)"):format(text, table.concat(notes, ", "))
end

--- Lets `"failed: " .. err` join the text of the error.
function mt.__concat (a, b)
  return tostring(a) .. tostring(b)
end

--- Makes an error object. Raises when `kind` is not one of `kinds`, which is a bug of the library.
-- @tparam table fields are copied; `kind` and `message` are required, `retryable` is set from the
-- kind when it is nil
-- @treturn Error the error
function M.new (fields)
  local kind = M.kinds[fields.kind]
  if not kind then error("unknown kind of error: " .. tostring(fields.kind)) end
  local err = {}
  for name, value in pairs(fields) do err[name] = value end
  if err.retryable == nil then
    err.retryable = kind.retryable or (err.kind == "timeout" and err.phase == "connect")
  end
  return setmetatable(err, mt)
end

--- Adds fields to an error object, or replaces them.
-- @tparam Error err
-- @tparam table fields
-- @treturn Error the error
function M.add (err, fields)
  for name, value in pairs(fields) do err[name] = value end
  return err
end

--- Tells whether a value is an error object of this library.
-- @param value anything
-- @treturn boolean
function M.is (value)
  return type(value) == "table" and getmetatable(value) == mt
end

-- A pattern for an escape of JSON (RFC 8259 section 7), and how many levels of JSON texts inside
-- JSON strings are searched.
local ESCAPE, NESTING = "\\(.)(%x?%x?%x?%x?)", 3

local LETTERS = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

--- Returns the text that an escape stands for, and the length of the escape in bytes.
local function meaning (letter, hex)
  if letter ~= "u" or #hex < 4 then return LETTERS[letter] or letter, 2 end
  local n, low = tonumber(hex, 16), 0x80
  if n < 0x80 then return string.char(n), 6 end
  low = low + n % 64
  if n < 0x800 then return string.char(0xC0 + math.floor(n / 64), low), 6 end
  return string.char(0xE0 + math.floor(n / 4096), 0x80 + math.floor(n / 64) % 64, low), 6
end

local function unescaped (letter, hex)
  local text, size = meaning(letter, hex)
  return size == 2 and text .. hex or text
end

--- Makes a function that maps the position of a byte in the unescaped text to the first and last
-- byte of the characters in `text` that stand for it. It must be called with ascending positions,
-- because all calls share one pass over the text.
local function locator (text)
  local here, plain = 1, 1     -- the same position in `text` and in the unescaped text
  local at, size, width        -- the next escape, its length, and that of its meaning
  local function look ()
    local stop, letter, hex
    at, stop, letter, hex = text:find(ESCAPE, here)
    if not stop then at = #text + 1 return end
    letter, size = meaning(letter, hex)
    width = #letter
  end
  look()
  return function (place)
    while at <= #text and place >= plain + at - here + width do
      here, plain = at + size, plain + at - here + width
      look()
    end
    local first = here + place - plain
    if first < at then return first, first end
    return at, at + size - 1
  end
end

local function by_place (a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  return a[2] > b[2]
end

--- Length in bytes of the shortest secret that is replaced. A shorter one also occurs in ordinary
-- words, and the rest of such a word would reveal it.
M.MIN_SECRET = 8

--- Finds secrets, written literally or with the escapes of JSON. Returns their places as
-- `{ first, last }` in ascending order without overlaps.
local function places (text, secrets, nesting)
  local found = {}
  for _, secret in ipairs(secrets) do
    local first, last = 1, 0
    while first and #secret >= M.MIN_SECRET do
      first, last = text:find(secret, last + 1, true)
      if first then found[#found + 1] = { first, last } end
    end
  end
  if nesting > 0 and text:find("\\", 1, true) then
    local locate = locator(text)
    for _, place in ipairs(places((text:gsub(ESCAPE, unescaped)), secrets, nesting - 1)) do
      local first = locate(place[1])
      local _, last = locate(place[2])
      found[#found + 1] = { first, last }
    end
  end
  table.sort(found, by_place)
  local apart = {}
  for _, place in ipairs(found) do
    local before = apart[#apart]
    if before and place[1] <= before[2] then
      before[2] = math.max(before[2], place[2])
    else
      apart[#apart + 1] = place
    end
  end
  return apart
end

--- Replaces every occurrence of every secret by `[redacted]`, also where it is written as in a
-- JSON string (`\"`, `\/`, `\u0022`) or in a JSON text inside a JSON string. Overlapping secrets
-- are replaced as one, so that no part of them remains. Call this before a text is shortened: a
-- secret of which only a part is left is not found.
-- @tparam string text
-- @tparam ?string[] secrets array of strings; those shorter than `MIN_SECRET` are skipped
-- @treturn string
function M.redact (text, secrets)
  if not secrets or #secrets == 0 then return text end
  local out, from = {}, 1
  for _, place in ipairs(places(text, secrets, NESTING)) do
    out[#out + 1] = text:sub(from, place[1] - 1) .. "[redacted]"
    from = place[2] + 1
  end
  if from == 1 then return text end
  out[#out + 1] = text:sub(from)
  return table.concat(out)
end

--- Returns a printable form of the character of `size` bytes at `i`. C1 controls become `?`,
-- because they can change the state of a terminal.
local function printable (text, i, size)
  if not size then return "?" end
  local a, b = text:byte(i, i + 1)
  if a == 0xC2 and b < 0xA0 then return "?" end
  return text:sub(i, i + size - 1)
end

--- Makes a printable excerpt of a text. White space characters become spaces. Other control
-- characters and bytes that are not UTF-8 become `?`. No character is cut in half.
-- @tparam string text
-- @tparam[opt=200] integer limit largest size of the result in bytes
-- @treturn string ends in `…` when the text was shortened and `limit` is at least 3
function M.excerpt (text, limit)
  limit = limit or 200
  local cut = #text > limit
  local mark = (cut and limit >= 3) and "…" or ""
  local space = limit - #mark
  -- No replacement is longer than its character, so at most `space` bytes of the text are part of
  -- the result. Three more are kept to recognise that the last character is whole.
  local head = text:sub(1, space + 3)
  head = head:gsub("[\t\n\v\f\r]", " "):gsub("[%z\1-\31\127]", "?")
  local out, n, i, used = {}, 0, 1, 0
  while i <= #head do
    local stop = head:find("[\128-\255]", i) or #head + 1
    if stop > i then
      local run = head:sub(i, math.min(stop - 1, i + space - used - 1))
      n, used, i = n + 1, used + #run, stop
      out[n] = run
    else
      local size = utf8.size(head, i)
      local piece = printable(head, i, size)
      if used + #piece > space then break end
      n, used, i = n + 1, used + #piece, i + (size or 1)
      out[n] = piece
    end
    if used >= space then break end
  end
  return table.concat(out) .. mark
end

return M
