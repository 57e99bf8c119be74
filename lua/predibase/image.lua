-- SPDX-License-Identifier: MIT
--- Images for prompts and messages of models that see.
--
--     local image = assert(predibase.image { path = "cat.png" })
--     client:generate(image .. "What is this?", …)
--     client:chat_completion({ { role = "user", content = { "What is this?", image } } }, …)
--
-- LoRAX reads images in the text of a prompt, as `![](data:image/png;base64,…)`.
-- @module predibase.image

local base64 = require "predibase.base64"
local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local files = require "predibase.files"
local names = require "predibase.option_names"
local request = require "predibase.request"
local usage = require "predibase.usage"

local M = {}

local Image = { __name = "predibase.image" }
Image.__index = Image

--- An image. `tostring` of it is the text that `generate` takes, and it can be joined with strings.
-- @table Image
-- @tfield string url the data URL

--- The options of `predibase.image`: either `path` or `bytes`.
-- @table ImageOptions
-- @tfield ?string path of a file
-- @tfield ?string bytes of the image
-- @tfield ?string type the media type, such as `"image/png"` (default: found in the first bytes)

--- Largest image in bytes: its Base64 text has to fit into the body of a request.
M.MAX_BYTES = math.floor(request.MAX_BODY / 4) * 3

local OPTIONS = { path = true, bytes = true, type = true }

-- The first bytes of a file, and its media type.
local MAGIC = {
  { "^\137PNG\r\n\26\n", "image/png" }, { "^\255\216\255", "image/jpeg" },
  { "^GIF8[79]a", "image/gif" }, { "^RIFF....WEBP", "image/webp" }, { "^BM", "image/bmp" },
}

local function refuse (message)
  return nil, errors.new { kind = "validation", phase = "request", message = message }
end

local function type_of (bytes)
  for _, entry in ipairs(MAGIC) do
    if bytes:find(entry[1]) then return entry[2] end
  end
end

--- Returns the bytes that the options name; or nil and an error.
local function read (options)
  if options.bytes ~= nil then return options.bytes end
  local bytes, problem = files.read(options.path, M.MAX_BYTES)
  if not bytes then return refuse("the image cannot be read: " .. problem) end
  return bytes
end

--- Makes an image from a file or from bytes.
-- @tparam ImageOptions options `path` (of a file) or `bytes`; `type`, the media type, such as
-- `"image/png"`: found in the first bytes of PNG, JPEG, GIF, WebP and BMP
-- @treturn[1] Image the image: `tostring` of it is the text that `generate` takes, and it can be
-- joined with strings; it can stand among the parts of a message's content; `url` is the data URL
-- @treturn[2] nil
-- @treturn[2] Error error of kind `validation`: the file cannot be read, is too large for a request
-- (2 MiB with its encoding), or its type is not known
-- @raise for options of the wrong type, or that do not exist
function M.new (options)
  if type(options) ~= "table" then
    usage.fail("predibase.image takes a table with path or bytes, got " .. checks.describe(options))
  end
  names.check(options, OPTIONS, "option")
  local path, bytes = rawget(options, "path"), rawget(options, "bytes")
  if (path == nil) == (bytes == nil) then
    usage.fail "predibase.image takes either path or bytes"
  end
  for name in pairs(OPTIONS) do
    local value = rawget(options, name)
    if value ~= nil and type(value) ~= "string" then
      usage.fail(("predibase.image takes %s as a string, got %s"):format(name,
        checks.describe(value)))
    end
  end
  local err
  bytes, err = read(options)
  if not bytes then return nil, err end
  if #bytes > M.MAX_BYTES then
    return refuse(("the image has %d bytes, and a request has space for %d"):format(#bytes,
      M.MAX_BYTES))
  end
  local kind = rawget(options, "type") or type_of(bytes)
  if not kind then
    return refuse "the type of the image is not known; give type = \"image/…\""
  elseif not kind:find "^image/[%w%.%+-]+$" then
    return refuse("type must be a media type such as image/png, got " .. checks.describe(kind))
  end
  return setmetatable({ url = ("data:%s;base64,%s"):format(kind, base64.encode(bytes)) }, Image)
end

function Image:__tostring ()
  return "![](" .. self.url .. ")"
end

function Image.__concat (a, b)
  return tostring(a) .. tostring(b)
end

--- Tells whether a value is an image.
-- @param value anything
-- @treturn boolean
function M.is (value)
  return type(value) == "table" and getmetatable(value) == Image
end

return M
