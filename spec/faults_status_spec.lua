-- SPDX-License-Identifier: MIT
-- once: the behaviour under test is that of libcurl and the C core
-- Answers that are no success: of LoRAX, of the web framework under it, of gateways in front.
local faults = require "spec.support.faults"
local secrecy = require "spec.support.secrecy"
local stand_in = require "spec.support.server"

--- A row of one answer.
local function row (name, line, body, expect, ...)
  expect.status = tonumber(line:match("^%d+"))
  return { name = name, raw = { { send = faults.status(line, body, ...) } },
    options = { max_retries = 2 }, expect = expect }
end

local HTML = "<html><head><title>Bad day</title></head><body><h1>Sorry</h1></body></html>"
local IS_HTML, IS_TEXT = "content-type: text/html", "content-type: text/plain; charset=utf-8"
local IS_JSON = "content-type: application/json"
local SOON = "retry-after-ms: 5"

--- Tried three times, then reported.
local function again (fields)
  fields.attempts, fields.requests, fields.retryable = 3, 3, true
  return fields
end

--- Reported at once.
local function final (fields)
  fields.attempts, fields.requests, fields.retryable = 1, 1, false
  return fields
end

local rows = {
  row("the page of a gateway is named by its title", "502 Bad Gateway", HTML,
    again { kind = "server", message = "Bad day" }, IS_HTML, SOON),
  row("the plain text of a gateway is the message", "503 Service Unavailable",
    "no healthy upstream", again { kind = "server", message = "^no healthy upstream$" }, IS_TEXT,
    SOON),
  row("an answer without a body is an error by its status", "504 Gateway Timeout", "",
    again { kind = "server", message = "504" }, SOON),
  row("a page that is not UTF-8 is made readable", "502 Bad Gateway",
    "\255\254 oh \27[31m\0 no", again { kind = "server", message = "oh" }, IS_TEXT, SOON),
  row("a compressed page is an error by its status", "503 Service Unavailable",
    "\31\139\8\0\0\0\0\0\0\3", again { kind = "server", message = "503" }, IS_HTML,
    "content-encoding: gzip", SOON),

  row("a text of the web framework is the message", "422 Unprocessable Entity",
    "Failed to deserialize the JSON body into the target type: inputs: missing field",
    final { kind = "validation", message = "^Failed to deserialize the JSON body" }, IS_TEXT),
  row("a refusal for size is one", "413 Payload Too Large",
    "Failed to buffer the request body: length limit exceeded",
    final { kind = "too_large", message = "length limit" }, IS_TEXT),
  row("a refusal for type is one", "415 Unsupported Media Type",
    "Expected request with `Content-Type: application/json`",
    final { kind = "protocol", message = "Content%-Type" }, IS_TEXT),
  row("405 without a text is one", "405 Method Not Allowed", "",
    final { kind = "not_found", message = "405" }, "allow: GET"),
  row("404 without a text is one", "404 Not Found", "",
    final { kind = "not_found", message = "deployment" }),
  row("an answer cut short still is an error by its status", "500 Internal Server Error",
    '{"error":"Incomp', again { kind = "server" }, IS_JSON, SOON),

  row("error as a string", "424 Failed Dependency", '{"error":"oh","error_type":"generation"}',
    final { kind = "generation", message = "^oh$", error_type = "generation" }, IS_JSON),
  row("error as an object", "400 Bad Request", '{"error":{"message":"oh","type":"validation"}}',
    final { kind = "validation", message = "^oh$" }, IS_JSON),
  row("error as a number", "400 Bad Request", '{"error":42}',
    final { kind = "validation", message = "42" }, IS_JSON),
  row("error as null", "400 Bad Request", '{"error":null}', final { kind = "validation" },
    IS_JSON),
  row("error as an array", "400 Bad Request", '{"error":[1,"two",{}]}',
    final { kind = "validation" }, IS_JSON),
  row("JSON that has no error", "400 Bad Request", '{"detail":"oh"}',
    final { kind = "validation", message = "oh" }, IS_JSON),
  row("JSON that is no object", "400 Bad Request", '"oh"',
    final { kind = "validation", message = "oh" }, IS_JSON),
  row("an unknown error type leaves the decision to the status", "424 Failed Dependency",
    '{"error":"oh","error_type":"brand_new"}',
    final { kind = "generation", error_type = "brand_new" }, IS_JSON),
  row("an error type goes before the status", "500 Internal Server Error",
    '{"error":"oh","error_type":"validation"}', final { kind = "validation" }, IS_JSON),
  row("an error type that is a table", "400 Bad Request", '{"error":"oh","error_type":{"a":1}}',
    final { kind = "validation", message = "^oh$" }, IS_JSON),
  row("a long error is cut", "400 Bad Request", '{"error":"' .. ("oh "):rep(15000) .. '"}',
    final { kind = "validation", message = "^oh oh" }, IS_JSON),
  row("a deeply nested error", "400 Bad Request", ("["):rep(30000),
    final { kind = "validation" }, IS_JSON),

  row("a token that is sent back in the body is not shown", "401 Unauthorized",
    '{"error":"no such token: ' .. secrecy.TOKEN .. '"}',
    final { kind = "authentication", message = "no such token: %[redacted%]" }, IS_JSON),
  row("a token that is sent back in a text is not shown", "403 Forbidden",
    "Bearer " .. secrecy.TOKEN .. " may not", final { kind = "permission",
      message = "%[redacted%] may not" }, IS_TEXT),
  row("a token that is sent back in a header is not shown", "401 Unauthorized", "",
    final { kind = "authentication" }, "x-you-sent: Bearer " .. secrecy.TOKEN,
    'www-authenticate: Bearer token="' .. secrecy.TOKEN .. '"', "x-b3-traceid: "
      .. secrecy.TOKEN),
  row("204 is no answer", "204 No Content", "", { kind = "protocol", attempts = 1 }),
}

-- Errors whose text breaks off.
for _, case in ipairs {
  { "401 Unauthorized", "authentication" }, { "413 Payload Too Large", "too_large" },
  { "422 Unprocessable Entity", "validation" }, { "503 Service Unavailable", "server", true },
} do
  local line, kind, retried = case[1], case[2], case[3]
  for _, ending in ipairs { "close", "reset" } do
    for _, framing in ipairs { "content-length: 500", "transfer-encoding: chunked" } do
      local head = ("HTTP/1.1 %s\r\n%s\r\n%s\r\n\r\n"):format(line, SOON, framing)
      local text = framing:find "chunked" and faults.chunk "such a pity" or "such a pity"
      local expect = { kind = kind, status = tonumber(line:match("^%d+")), message = "such a pity" }
      rows[#rows + 1] = {
        name = ("%s whose text breaks off stays what it is (%s, %s)"):format(line, framing, ending),
        raw = { { send = head .. text }, { [ending] = true } },
        options = { max_retries = 2 },
        expect = retried and again(expect) or final(expect),
      }
    end
  end
end

-- What is tried again, and what is not.
for _, case in ipairs {
  { "400 Bad Request", "validation" }, { "402 Payment Required", "permission" },
  { "404 Not Found", "not_found" }, { "408 Request Timeout", "server", true },
  { "409 Conflict", "server", true }, { "410 Gone", "not_found" },
  { "418 I'm a teapot", "validation" }, { "425 Too Early", "server", true },
  { "429 Too Many Requests", "rate_limited", true },
  { "500 Internal Server Error", "server", true }, { "501 Not Implemented", "server" },
  { "502 Bad Gateway", "server", true }, { "503 Service Unavailable", "server", true },
  { "504 Gateway Timeout", "server", true }, { "505 HTTP Version Not Supported", "server" },
  { "599 What", "server" }, { "600 More", "protocol" },
} do
  local line, kind, retried = case[1], case[2], case[3]
  local expect = { kind = kind }
  rows[#rows + 1] = row(("%s is of kind %s and %s"):format(line, kind,
    retried and "tried again" or "final"), line, "oh",
    retried and again(expect) or final(expect), IS_TEXT, SOON)
end

describe("An answer that is no success:", function ()
  local rig = faults.rig()
  setup(function () rig:start() end)
  teardown(function () rig:stop() end)
  rig:each(rows, it)
end)

describe("A redirect", function ()
  local rig, other = faults.rig(), nil
  setup(function ()
    rig:start()
    other = stand_in.spawn {}
  end)
  teardown(function () rig:stop() end)

  local function cases ()
    local elsewhere = other.url .. "/generate?key=pb_other_secret"
    return {
      { "to another server", elsewhere, "127.0.0.1:" .. other.port },
      { "to the same server", rig.url .. "/elsewhere?key=pb_other_secret",
        "127.0.0.1:" .. rig.server.port },
      { "to another path", "/elsewhere?key=pb_other_secret", "another path" },
      { "to a relative path", "../elsewhere", "another path" },
      { "to a file", "file:///etc/hostname", "redirects to" },
      { "to nothing", "", "redirects to" },
      { "with a user name", "http://user:pb_other_secret@127.0.0.1:" .. other.port .. "/",
        "127.0.0.1:" .. other.port },
      { "without a Location", nil, "redirects to" },
    }
  end

  for _, line in ipairs { "301 Moved Permanently", "302 Found", "303 See Other",
    "307 Temporary Redirect", "308 Permanent Redirect" } do
    it(("%s is not followed, wherever it leads"):format(line), function ()
      for _, way in ipairs(faults.ways {}) do
        for _, case in ipairs(cases()) do
          local name, location, where = case[1], case[2], case[3]
          local found = rig:run({
            name = name,
            raw = { { send = faults.status(line, "", location and "location: " .. location) } },
            options = { max_retries = 2 },
            expect = { kind = "protocol", status = tonumber(line:match("%d+")), requests = 1,
              attempts = 1, message = where:gsub("%p", "%%%0") .. ".*not followed" },
          }, way)
          assert.is_nil(found.err.message:find("pb_other_secret", 1, true))
          assert.same({ accepted = 0, open = 0, active = 0 }, other:connections())
        end
      end
      assert.same({}, other:log())
    end)
  end
end)
