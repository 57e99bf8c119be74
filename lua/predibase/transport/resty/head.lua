-- SPDX-License-Identifier: MIT
--- Reads the head of a response, in whatever slices it comes (RFC 9112 sections 2 to 5).
--
-- Strict where two readers could disagree about what a head says, lenient where everybody agrees:
-- lines may end in LF alone, a reason may be missing, folded lines are passed over.
-- @module predibase.transport.resty.head

local M = {}

--- Most fields of a head, as over libcurl: an answer behind a gateway has about 40.
M.MAX_FIELDS = 128

--- Most bytes of a head's names and values, or of its trailers: fields of 2 KiB are common.
M.MAX_BYTES = 32 * 1024

--- Most bytes of all heads of one response, interim ones included (libcurl's limit).
M.MAX_ALL = 300 * 1024

M.TOO_LARGE = "the response head or its trailers are larger than 32 KiB or have more than "
  .. "128 fields"

local ENDLESS = "the server sends one interim answer after the other"
local SWITCHING = "the server switches to another protocol although that was not asked for"
local NOT_HTTP = "the server does not speak HTTP/1.1: its answer begins with "

local Head = {}
Head.__index = Head

local function begin(self)
  self.status, self.minor = nil, nil
  self.headers, self.fields, self.bytes = {}, 0, 0
  self.last = nil             -- name of the last field
  self.doubtful = false       -- a field that says where the body ends came twice
end

local function shown(bytes)
  return ('"%s"'):format(bytes:sub(1, 40):gsub("[^ -~]", "?"))
end

local function status_line(self, line)
  local minor, status, after = line:match "^HTTP/1%.(%d) (%d%d%d)(.?)"
  if not minor or after ~= "" and after ~= " " then return NOT_HTTP .. shown(line) end
  self.minor, self.status = tonumber(minor), tonumber(status)
  if self.status == 101 then return SWITCHING end
  if self.status < 100 then return "the status " .. status .. " does not exist" end
end

-- A field that says where the body ends must not be read in two ways.
local FRAMING = { ["content-length"] = true, ["transfer-encoding"] = true, connection = true }

local function field(self, line)
  if line:find "^[ \t]" then
    if FRAMING[self.last] then return ("the header %s is folded"):format(self.last) end
    return nil
  end
  local name, value = line:match "^([^:]+):[ \t]*(.-)[ \t]*$"
  if not name then return "a line of the response head has no colon: " .. shown(line) end
  if name:find "[%c \127]" then
    return "a header of the response has a blank in its name: " .. shown(name)
  end
  name = name:lower()
  local headers = self.headers
  self.fields = self.fields + 1
  self.bytes = self.bytes + #name + #value + 2
  if self.fields > M.MAX_FIELDS or self.bytes > M.MAX_BYTES then return M.TOO_LARGE end
  local known = headers[name]
  if known and (name == "content-length" or name == "transfer-encoding") then
    self.doubtful = true
  end
  if not known then
    headers[name] = value
  elseif known ~= value then
    headers[name] = known .. ", " .. value
  end
  self.last = name
end

--- One line without its end. Returns true at the end of the head, or what is wrong.
local function take(self, line)
  if line:find "[%z\r]" then return nil, "a line of the response head has a NUL or a CR in it" end
  if not self.status then return nil, status_line(self, line) end
  if line ~= "" then return nil, field(self, line) end
  if self.status >= 200 then return true end
  begin(self)
end

--- What cannot become a status line is refused without waiting for more.
local function is_foreign(self)
  local start = self.partial:sub(1, 5)
  return not self.status and start ~= ("HTTP/"):sub(1, #start)
end

--- Takes the next bytes.
-- @tparam string bytes
-- @treturn[1] number where in `bytes` the body begins: the head is complete
-- @treturn[2] nil there is more to come
-- @treturn[3] nil
-- @treturn[3] string what is wrong
function Head:feed(bytes)
  local from = 1
  while true do
    local stop = bytes:find("\n", from, true)
    self.partial = self.partial .. bytes:sub(from, stop and stop - 1)
    self.all = self.all + (stop or #bytes) - from + 1
    if is_foreign(self) then return nil, NOT_HTTP .. shown(self.partial) end
    if #self.partial > M.MAX_BYTES + 2 then return nil, M.TOO_LARGE end
    if self.all > M.MAX_ALL then return nil, ENDLESS end
    if not stop then return nil end
    local line = self.partial:gsub("\r$", "")
    self.partial, from = "", stop + 1
    local complete, problem = take(self, line)
    if complete then return from end
    if problem then return nil, problem end
  end
end

--- Begins to read a head. The fields of a complete one: `status`, `minor` (of the version 1.x),
-- `headers` (lower-case name to value; repeated ones joined by commas, equal ones once),
-- `doubtful` (a field that says where the body ends came twice, though perhaps with one value).
-- @treturn table
function M.new()
  local self = setmetatable({ partial = "", all = 0 }, Head)
  begin(self)
  return self
end

return M
