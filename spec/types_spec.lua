-- SPDX-License-Identifier: MIT
-- once: the results are the same on every Lua
--- Compares what calls really return with the editor types: no field is missing there, and each has
-- the type that it has there.
local declared = dofile "tools/docs/declared.lua"
local mock = require "predibase.mock"
local predibase = require "predibase"

local classes, aliases = declared.read()

-- Checks of values. Each returns nil, or where the value is wrong and how.

local problem_of

--- Divides a union at the bars outside of brackets.
local function members (text)
  local list, depth, part = {}, 0, ""
  for character in text:gmatch "." do
    if character:find "[({<]" then depth = depth + 1 end
    if character:find "[)}>]" then depth = depth - 1 end
    if character == "|" and depth == 0 then
      list[#list + 1], part = part, ""
    else
      part = part .. character
    end
  end
  list[#list + 1] = part
  return list
end

local PRIMITIVES = {
  any = function () return true end,
  integer = function (value) return type(value) == "number" and value % 1 == 0 end,
  ["true"] = function (value) return value == true end,
  ["false"] = function (value) return value == false end,
}
for _, name in ipairs { "string", "number", "boolean", "table", "function", "nil" } do
  PRIMITIVES[name] = function (value) return type(value) == name end
end

local function problem_of_class (value, class, path)
  if type(value) ~= "table" then return path .. " is no table" end
  if next(classes[class].methods) then return nil end
  local fields = declared.fields(classes, class)
  for name, inner in next, value do
    if not fields[name] then return ("%s.%s is not in %s"):format(path, tostring(name), class) end
    local problem = problem_of(inner, fields[name].type, path .. "." .. name)
    if problem then return problem end
  end
  for name, field in pairs(fields) do
    if value[name] == nil and not field.optional then
      return ("%s.%s is missing, which is not optional in %s"):format(path, name, class)
    end
  end
end

local function problem_of_elements (value, text, path)
  if type(value) ~= "table" then return path .. " is no table" end
  for key, inner in next, value do
    local problem = problem_of(inner, text, ("%s[%s]"):format(path, tostring(key)))
    if problem then return problem end
  end
end

local function problem_of_one (value, text, path)
  local element, values = text:match "^(.*)%[%]$", text:match "^table<[%w]+, (.*)>$"
  if PRIMITIVES[text] then
    return not PRIMITIVES[text](value) and ("%s is no %s"):format(path, text) or nil
  elseif text:find '^"' then
    return value ~= text:sub(2, -2) and ("%s is not %s"):format(path, text) or nil
  elseif element or values then
    return problem_of_elements(value, element or values, path)
  elseif text:find "^{" then
    return type(value) ~= "table" and path .. " is no table" or nil
  elseif aliases[text] then
    return problem_of(value, aliases[text], path)
  end
  assert(classes[text], "unknown type " .. text)
  return problem_of_class(value, text, path)
end

function problem_of (value, text, path)
  text = text:match "^%((.*)%)$" or text
  if text:find "%?$" then
    if value == nil then return nil end
    return problem_of(value, text:sub(1, -2), path)
  end
  local first
  for _, member in ipairs(members(text)) do
    local problem = problem_of_one(value, member, path)
    if not problem then return nil end
    first = first or problem
  end
  return first
end

local function assert_type (value, text)
  assert.is_nil(problem_of(value, text, "value"))
end

describe("the editor types", function ()
  local server, client

  setup(function ()
    server = assert(mock.spawn { max_seconds = 100 })
    client = assert(predibase.new { base_url = server.url, max_retries = 0 })
  end)

  teardown(function ()
    client:close()
    server:close()
  end)

  it("notice a field that they do not have, and a wrong type", function ()
    assert.matches("nope is not in predibase.Token",
      problem_of({ id = 1, text = "x", nope = 1 }, "predibase.Token", "value"))
    assert.matches("text is no string", problem_of({ id = 1, text = 1 }, "predibase.Token", ""))
    assert.matches("text is missing", problem_of({ id = 1 }, "predibase.Token", ""))
  end)

  it("have the fields of the results of generate", function ()
    local options = { max_new_tokens = 5, details = true, decoder_input_details = true }
    assert_type(assert(client:generate("Hello", options)), "predibase.Result")
    assert_type(assert(client:generate("Hello", { max_new_tokens = 5 })), "predibase.Result")
    local stream = client:generate_stream("Hello", { max_new_tokens = 5 })
    for token in stream do assert_type(token, "predibase.Token") end
    assert_type(assert(stream:result()), "predibase.Result")
  end)

  it("have the fields of chat completions", function ()
    local messages = { { role = "user", content = "Please look up the weather of the town Oslo" } }
    local tools = { { name = "look_up", parameters = { type = "object",
      properties = { town = { type = "string" } }, required = { "town" } } } }
    local result = assert(client:chat_completion(messages, { max_tokens = 90, tools = tools }))
    assert_type(result, "predibase.ChatResult")
    assert.is_table(result.tool_calls)
    assert_type(assert(client:chat_completion(messages, { max_tokens = 9, n = 2 })),
      "predibase.ChatResult")
    local stream = client:chat_completion_stream(messages, { max_tokens = 5 })
    for delta in stream do assert_type(delta, "predibase.Delta") end
    assert_type(assert(stream:result()), "predibase.ChatResult")
  end)

  it("have the fields of completions", function ()
    assert_type(assert(client:completion("Hello", { max_tokens = 5 })),
      "predibase.CompletionResult")
    local stream = client:completion_stream("Hello", { max_tokens = 5 })
    for delta in stream do assert_type(delta, "predibase.CompletionDelta") end
    assert_type(assert(stream:result()), "predibase.CompletionResult")
  end)

  it("have the fields of vectors and classifications", function ()
    local vectors, about = client:embed { "a", "b" }
    assert_type(vectors, "number[][]")
    assert_type(about, "predibase.About")
    local vector = assert(client:embed "a")
    assert_type(vector, "number[]")
    local found
    found, about = client:classify { "Ada lives in London.", "b" }
    assert_type(found[1], "predibase.Entity[]")
    assert_type(about, "predibase.About")
  end)

  it("have the fields of what the server says about itself", function ()
    assert_type(assert(client:info()), "predibase.Info")
    assert_type(assert(client:metrics()), "table<string, predibase.Metric>")
    assert_type(assert(client:tokenize "Hello you"), "predibase.TextToken[]")
    assert_type(assert(client:request("GET", "/info")), "predibase.RawResponse")
    assert_type(client:request("POST", "/generate_stream", { inputs = "x", parameters = {
      max_new_tokens = 2 } }, { stream = true }):next(), "predibase.RawEvent")
  end)

  it("have the fields of errors", function ()
    assert_type(select(2, client:generate("Hello", { temperature = -1 })), "predibase.Error")
    assert_type(select(2, client:request("GET", "/nothing")), "predibase.Error")
    local stream = client:generate_stream("Hello", { max_new_tokens = 2000 })
    assert_type(stream:next(), "predibase.Token")
    stream:close()
    local _, err = stream:next()
    assert_type(err, "predibase.Error")
    assert_type(select(2, predibase.new { timeout = -1 }), "predibase.Error")
    assert_type(select(2, client:generate_json("x", { max_new_tokens = 1 })), "predibase.Error")
    assert_type(select(2, predibase.template.new "{"), "predibase.Error")
  end)

  it("have the fields of sessions", function ()
    local session = assert(client:chat_session { format = "llama-3", system = "Be brief." })
    assert_type(assert(session:send("Hello", { max_new_tokens = 4 })), "predibase.SessionResult")
    assert_type(session.messages, "predibase.Message[]")
    assert_type(session.left_out, "integer")
    local stream = session:stream("More", { max_new_tokens = 4 })
    for piece in stream do assert_type(piece, "predibase.SessionDelta") end
    assert_type(assert(stream:result()), "predibase.SessionResult")
    session = assert(client:chat_session { over = "chat" })
    assert_type(assert(session:run("Hello", { max_tokens = 4 })), "predibase.SessionResult")
  end)

  it("have the fields of bulk runs", function ()
    local run = client:run_bulk { rows = { "a", "b" }, options = { max_new_tokens = 2 } }
    local _, result, _, at = run:next()
    assert_type(result, "predibase.Result")
    assert_type(at, "predibase.RowPlace")
    assert_type(run:progress(), "predibase.BulkProgress")
    assert_type(assert(run:finish()), "predibase.BulkSummary")
  end)

  it("have what hooks are called with", function ()
    local seen = {}
    local function record (name)
      return function (value) seen[#seen + 1] = { name, value } end
    end
    client:generate("Hello", { max_new_tokens = 1, on_request = record "RequestInfo",
      on_response = record "ResponseInfo" })
    local broken = assert(predibase.new { base_url = server.url .. "/~overload=1" })
    broken:generate("Hello", { max_new_tokens = 1, max_retries = 1, on_retry = record "RetryInfo" })
    broken:close()
    assert.equal(3, #seen)
    for _, entry in ipairs(seen) do assert_type(entry[2], "predibase." .. entry[1]) end
  end)

  it("have the log of the stand-in server", function ()
    local log = server:log()
    assert.is_true(#log > 5)
    assert_type(log, "predibase.MockRequest[]")
    assert_type(server:connections(), "predibase.MockConnections")
  end)
end)
