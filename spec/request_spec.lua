-- SPDX-License-Identifier: MIT
local config = require "predibase.config"
local errors = require "predibase.errors"
local generate = require "predibase.generate"
local json = require "predibase.json"
local request = require "predibase.request"
local tokenize = require "predibase.tokenize"
local version = require "predibase.version"

local function none () return nil end

--- Reads the options of a call and makes its request. `context`: `stream`, `transport` and `lua`
-- (the latter two for the user agent).
local function make (cfg, prompt, parameters, context, call_options, id)
  context = context or {}
  local client = { cfg = cfg, user_agent = request.user_agent(cfg, context.transport, context.lua) }
  local given = request.merge(parameters, call_options)
  local route = context.stream and generate.STREAM or generate.ROUTE
  local plan, err = request.plan(client, route, given)
  if not plan then return nil, err end
  return request.make(plan, prompt, id)
end

local function build (prompt, parameters, context, options, call_options, id)
  options = options or {}
  options.base_url = options.base_url or "http://127.0.0.1:8080/x"
  local cfg = assert(config.new(options, none))
  return make(cfg, prompt, parameters, context, call_options, id)
end

local function body (...)
  local req, err = build(...)
  assert(req, tostring(err))
  return req.body
end

local function refused (kind, ...)
  local req, err = build(...)
  assert.is_nil(req)
  assert.is_true(errors.is(err))
  assert.equal(kind, err.kind)
  assert.equal("request", err.phase)
  return err.message
end

local function header (req, name)
  local found = {}
  for _, pair in ipairs(req.headers) do
    if pair[1]:lower() == name then found[#found + 1] = pair[2] end
  end
  assert.is_true(#found <= 1)
  return found[1]
end

describe("the body", function ()
  it("has no parameters when none are given", function ()
    assert.equal('{"inputs":"Hi"}', body("Hi"))
    assert.equal('{"inputs":"Hi"}', body("Hi", {}))
    assert.equal('{"inputs":"Hi"}', body("Hi", { seed = json.null }))
  end)

  it("has the prompt first and the parameters in a fixed order", function ()
    assert.equal('{"inputs":"What is your name?","parameters":{"temperature":0.1,'
      .. '"max_new_tokens":20,"details":true}}', body("What is your name?",
      { details = true, max_new_tokens = 20, temperature = 0.1 }))
  end)

  it("has exact integers, floats that round-trip, and empty arrays", function ()
    assert.equal('{"inputs":"x","parameters":{"adapter_id":"r/1","adapter_source":"pbase",'
      .. '"temperature":0.30000000000000004,"top_p":1,"typical_p":0.1,"max_new_tokens":128,'
      .. '"stop":[],"seed":18446744073709551615}}', body("x", {
        adapter_id = "r/1", temperature = 0.1 + 0.2, top_p = 1.0, typical_p = 0.1,
        max_new_tokens = 128.0, stop = {}, seed = "18446744073709551615" }))
  end)

  it("has every character of the prompt", function ()
    for text, written in pairs {
      ["\0"] = "\\u0000", ["\1\31"] = "\\u0001\\u001f", ["\b\t\n\f\r"] = "\\b\\t\\n\\f\\r",
      ['"\\/'] = '\\"\\\\/', ["é中"] = "é中", ["\240\159\152\128"] = "\240\159\152\128",
      ["\226\128\168\194\133"] = "\226\128\168\194\133", ["\239\191\190"] = "\239\191\190",
      ["\244\143\191\191"] = "\244\143\191\191", ["\239\187\191x"] = "\239\187\191x",
      ["<script>&'"] = "<script>&'",
    } do
      assert.equal('{"inputs":"' .. written .. '"}', body(text))
      assert.equal(text, json.decode(body(text)).inputs)
    end
    assert.equal("\127", json.decode(body("\127")).inputs)
  end)

  it("has a schema string unchanged", function ()
    local schema = '{ "type": "object", "z": 1.0,\n  "a": "\\u00e9" }'
    assert.equal('{"inputs":"x","parameters":{"response_format":{"type":"json_object","schema":'
      .. schema .. "}}}",
      body("x", { response_format = { type = "json_object", schema = schema } }))
  end)

  it("contains the client's defaults", function ()
    local options = { defaults = { top_k = 5, repitition_penalty = 2, api_token = "hf_x" } }
    assert.equal('{"inputs":"x","parameters":{"api_token":"hf_x","repetition_penalty":3,'
      .. '"top_k":5,"seed":1}}', body("x", { seed = 1, repetition_penalty = 3 }, nil, options))
    assert.equal('{"inputs":"x","parameters":{"repetition_penalty":2}}',
      body("x", { top_k = json.null, api_token = json.null }, nil, options))
  end)

  it("requests details on a stream", function ()
    assert.equal('{"inputs":"x","parameters":{"details":true}}', body("x", nil, { stream = true }))
  end)
end)

describe("the prompt", function ()
  it("raises when it is not a string, with the line of the caller", function ()
    for _, bad in ipairs { 5, true, {}, print } do
      assert.error_matches(function () build(bad) end, "the prompt must be a string, got ")
    end
    assert.error_matches(function () build(nil) end, "the prompt must be a string, got nil")
    assert.error_matches(function () build({ inputs = "x" }) end,
      "give the prompt first and then a table of parameters")
    local ok, message = pcall(build, nil)
    assert.is_false(ok)
    assert.matches("^spec/request_spec%.lua:", message)
  end)

  it("is refused when it is empty, in the router's words", function ()
    assert.equal("Input validation error: `inputs` cannot be empty", refused("validation", ""))
  end)

  it("is refused when it is not UTF-8", function ()
    for text, at in pairs { ["\255"] = 1, ["ab\128"] = 3, ["\192\128"] = 1, ["a\224\128\128"] = 2,
      ["\237\160\189\237\184\128"] = 1, ["\244\144\128\128"] = 1, ["x\240\159\152"] = 2 } do
      assert.equal(("Input validation error: `inputs` must be valid UTF-8, got byte 0x%02x "
        .. "at position %d"):format(text:byte(at), at), refused("validation", text))
    end
  end)

  it("is refused when the body would be above the server's limit", function ()
    local overhead = #'{"inputs":""}'
    assert.equal(request.MAX_BODY, #body(("x"):rep(request.MAX_BODY - overhead)))
    assert.equal("the request body has at least 2097153 bytes, but the server accepts at most "
      .. "2097152; shorten the prompt",
      refused("too_large", ("x"):rep(request.MAX_BODY - overhead + 1)))
    assert.matches("at least 10485760 bytes", refused("too_large", ("x"):rep(10 * 1024 * 1024)))
    assert.matches("^the request body has", refused("too_large", ("\0"):rep(400000)))
  end)
end)

describe("the parameters", function ()
  it("are checked together with the client's defaults", function ()
    assert.equal("Input validation error: `seed` must not be set when `best_of` > 1",
      refused("validation", "x", { seed = 1, do_sample = true }, nil,
        { defaults = { best_of = 2 } }))
    assert.equal("Input validation error: `best_of` != 1 is not supported when streaming tokens",
      refused("validation", "x", nil, { stream = true }, { defaults = { best_of = 0 } }))
  end)

  it("may have an empty api_token, which stops the server from using the client's", function ()
    assert.equal('{"inputs":"x","parameters":{"api_token":""}}', body("x", { api_token = "" }))
    local options = { base_url = "http://lorax.example", allow_plain_http = false }
    assert.is_table(build("x", { api_token = "" }, nil, options))
    assert.same({}, build("x", { api_token = "" }, nil, options).secrets)
  end)

  it("contain an unencrypted api_token for this machine only", function ()
    local options = { base_url = "http://lorax.example" }
    local message = refused("config", "x", { api_token = "hf_SENTINEL" }, nil, options)
    assert.matches("^the parameter api_token would be sent unencrypted", message)
    assert.is_nil(message:find("SENTINEL", 1, true))
    options.allow_plain_http = true
    assert.is_table(build("x", { api_token = "hf_x" }, nil, options))
    assert.is_table(build("x", { api_token = "hf_x" }))
  end)
end)

describe("the request", function ()
  it("is a POST to one of the two endpoints", function ()
    local req = build("x")
    assert.equal("POST", req.method)
    assert.equal("http://127.0.0.1:8080/x/generate", req.url)
    assert.equal("http://127.0.0.1:8080/x/generate_stream", build("x", {}, { stream = true }).url)
  end)

  it("has the client's headers in a fixed order, then the caller's by name", function ()
    local req = build("x", {}, { transport = "libcurl/7.88.1" },
      { api_token = "pb_x", headers = { ["X-Team"] = "blue", ["X-A"] = 1 } },
      { headers = { ["x-team"] = "red" } }, "42")
    assert.equal("42", req.id)
    assert.same({
      { "content-type", "application/json" },
      { "accept", "application/json" },
      { "authorization", "Bearer pb_x" },
      { "user-agent", "predibase-lua/" .. version .. " " .. request.LUA .. " libcurl/7.88.1" },
      { "X-A", "1" },
      { "x-team", "red" },
    }, req.headers)
  end)

  it("accepts an event stream for generate_stream", function ()
    assert.equal("text/event-stream", header(build("x", {}, { stream = true }), "accept"))
  end)

  it("has no Authorization without a token, and never an Expect", function ()
    local req = build("x", {}, {})
    assert.is_nil(header(req, "authorization"))
    assert.is_nil(req.id)
    assert.is_nil(header(req, "expect"))
  end)

  it("lets the caller choose the request id and the user agent", function ()
    local req = build("x", {}, {},
      { user_agent = "my-app/1.0", headers = { ["X-Request-Id"] = "mine" } }, nil, "42")
    assert.is_nil(req.id)
    assert.equal("mine", header(req, "x-request-id"))
    assert.equal("my-app/1.0", header(req, "user-agent"))
  end)

  it("names the running Lua in the user agent", function ()
    assert.matches("^lua/%d%.%d$", (request.LUA:gsub("^luajit", "lua")))
    assert.matches(" lua/9%.9$",
      header(build("x", {}, { lua = "lua/9.9" }), "user-agent"))
  end)

  it("contains its adapter and all secrets", function ()
    local req = build("x", { adapter_id = "r/1", api_token = "hf_x" }, {},
      { api_token = "pb_x" }, { headers = { ["X-Secret"] = "12345678" } })
    assert.equal("r/1", req.adapter_id)
    assert.same({ "pb_x", "12345678", "hf_x" }, req.secrets)
    assert.is_nil(build("x", { adapter_id = "" }).adapter_id)
  end)

  it("shares the common parts of a client's requests", function ()
    local cfg = assert(config.new({ base_url = "http://127.0.0.1:8080", api_token = "pb_x",
      defaults = { adapter_id = "r/1", max_new_tokens = 9 } }, none))
    local function of (stream, options, parameters)
      return assert(make(cfg, "x", parameters, { stream = stream }, options))
    end
    local first = of(false)
    for _, req in ipairs { of(false), of(false, {}), of(false, { timeout = 5 }),
      of(false, nil, {}), of(false, nil, { adapter_id = "r/2" }) } do
      assert.equal(first.headers, req.headers)
      assert.equal(first.secrets, req.secrets)
    end
    assert.equal(first.body, of(false, nil, {}).body)
    assert.equal("r/1", of(false).adapter_id)
    assert.equal("r/2", of(false, nil, { adapter_id = "r/2" }).adapter_id)
    assert.matches('"adapter_id":"r/2","adapter_source":"pbase","max_new_tokens":9}}$',
      of(false, nil, { adapter_id = "r/2" }).body)
    assert.equal("r/1", of(false).adapter_id)
    assert.not_equal(first.headers, of(true).headers)
    assert.not_equal(first.headers, of(false, { headers = { ["X-A"] = "1" } }).headers)
    assert.equal(first.headers, of(false).headers)
    assert.same({ "pb_x", "hf_x" }, of(false, nil, { api_token = "hf_x" }).secrets)
    assert.same({ "pb_x" }, of(false).secrets)
  end)

  it("is refused every time when the defaults are invalid for every call", function ()
    local cfg = assert(config.new({ base_url = "http://127.0.0.1", defaults = { best_of = 2 } },
      none))
    for _ = 1, 2 do
      local req, err = make(cfg, "x")
      assert.is_nil(req)
      assert.matches("sampling", err.message)
    end
    assert.is_table(make(cfg, "x", { do_sample = true }))
  end)

  it("lets the garbage collector free a configuration and its shared parts", function ()
    local watch = setmetatable({}, { __mode = "v" })
    watch.cfg = assert(config.new({ base_url = "http://127.0.0.1", api_token = "pb_x" }, none))
    watch.headers = make(watch.cfg, "x").headers
    for _ = 1, 4 do collectgarbage() end
    assert.is_nil(watch.cfg)
    assert.is_nil(watch.headers)
  end)

  it("does not change the caller's table", function ()
    local given = { stop = {}, repitition_penalty = 1, api_token = json.null }
    build("x", given, { stream = true }, { defaults = { top_k = 1 } })
    assert.same({ stop = {}, repitition_penalty = 1, api_token = json.null }, given)
    assert.is_nil(getmetatable(given.stop))
  end)
end)

describe("the options of a call", function ()
  local cfg = assert(config.new({ base_url = "http://127.0.0.1:8080" }, none))
  local client = { cfg = cfg, user_agent = "x" }

  it("raise for mistakes of the program, with the line of the caller", function ()
    local function message (given, route)
      return select(2, pcall(request.check, given, route))
    end
    for text, said in pairs {
      ["client:generate takes its options as a table, got a number"] = message(5, generate.ROUTE),
      ["client:generate does not accept on_token"] = message({ on_token = print }, generate.ROUTE),
      ['unknown option "on_tokn"; did you mean "on_token"?'] =
        message({ on_tokn = 1 }, generate.STREAM),
      ['unknown option "max_retrys"; did you mean "max_retries"?'] =
        message({ max_retrys = 1 }, generate.ROUTE),
      ['unknown option "max_tokens"; did you mean "max_new_tokens"?'] =
        message({ max_tokens = 5 }, generate.ROUTE),
      ['unknown option "stop_sequences"; did you mean "stop"?'] =
        message({ stop_sequences = {} }, generate.ROUTE),
      ['unknown option "schema"; did you mean "response_format"?'] =
        message({ schema = {} }, generate.ROUTE),
      ['unknown option "json_schema"; did you mean "response_format"?'] =
        message({ json_schema = {} }, generate.STREAM),
      ['unknown option "concurrency"'] = message({ concurrency = 1 }, generate.ROUTE),
      ['unknown option "temperature"'] = message({ temperature = 1 }, tokenize.ROUTE),
      ['unknown option "on_token"'] = message({ on_token = print }, tokenize.ROUTE),
    } do
      assert.is_truthy(said:find(text, 1, true), said)
      assert.is_truthy(said:find("^spec/request_spec.lua:%d+: "), said)
    end
    assert.is_nil(message(nil, generate.ROUTE))
    assert.is_nil(message({ concurrency = 1 }, generate.MANY))
    assert.is_nil(message({ on_token = print }, generate.STREAM))
    assert.is_nil(message({ add_special_tokens = true }, tokenize.ROUTE))
  end)

  it("are split into parameters of the API, sent in the body, and options of the call", function ()
    local plan = assert(request.plan(client, generate.ROUTE, { temperature = 0.5, timeout = 3,
      max_retries = 1, adapter_id = "a/1", concurrency = 4 }))
    assert.equal('{"inputs":"x","parameters":{"adapter_id":"a/1","adapter_source":"pbase",'
      .. '"temperature":0.5}}', request.make(plan, "x").body)
    assert.equal(1, plan.settings.max_retries)
    assert.equal(3, plan.settings.timeout.total)
    assert.equal(3, plan.total)
    assert.is_false(plan.stream)
  end)

  it("replace the common options, each as a whole", function ()
    assert.same({ temperature = 0.5, stop = { "b" }, repetition_penalty = 2, timeout = 3,
      headers = { b = "2" } },
      request.merge({ temperature = 0.5, stop = { "a" }, timeout = 3, headers = { a = "1" } },
        { stop = { "b" }, headers = { b = "2" }, repitition_penalty = 2 }))
    assert.same({ seed = 1 }, request.merge({ seed = 1 }, nil))
    assert.same({ seed = 2 }, request.merge(nil, { seed = 2 }))
  end)
end)

describe("a planner", function ()
  local cfg = assert(config.new({ base_url = "http://127.0.0.1:8080", api_token = "pb_x" }, none))

  it("merges the options of a call with those of its object", function ()
    local plan = request.planner({ cfg = cfg, user_agent = "x" },
      { temperature = 0.5, max_retries = 1 })
    local made = assert(plan(generate.ROUTE, { temperature = 0.25 }))
    assert.equal('{"inputs":"x","parameters":{"temperature":0.25}}', request.make(made, "x").body)
    assert.equal(1, made.settings.max_retries)
  end)

  it("keeps only the plan of calls without options", function ()
    local plan = request.planner({ cfg = cfg, user_agent = "x" }, { temperature = 0.5 })
    local first = plan(generate.ROUTE)
    assert.equal(first, plan(generate.ROUTE, {}))
    assert.equal(first, (plan(generate.ROUTE, nil)))
    assert.not_equal(first, plan(generate.ROUTE, { seed = 1 }))
    assert.not_equal(first, plan(generate.STREAM))
    assert.equal(first, plan(generate.ROUTE))
  end)

  it("keeps its options when the caller changes the tables later", function ()
    local base = { stop = { "a" }, headers = { ["X-A"] = "1" }, timeout = { total = 5 } }
    local plan = request.planner({ cfg = cfg, user_agent = "x" }, base)
    base.stop[1], base.headers["X-A"], base.timeout.total, base.seed = "b", "2", 6, 1
    for _, options in ipairs { {}, { temperature = 1 } } do
      local made = assert(plan(generate.ROUTE, options))
      local req = request.make(made, "x")
      assert.is_truthy(req.body:find('"stop":["a"]', 1, true), req.body)
      assert.is_nil(req.body:find("seed", 1, true))
      assert.equal("1", req.headers[#req.headers][2])
      assert.equal(5, made.total)
    end
  end)

  it("refuses both spellings of one parameter wherever they stand", function ()
    local plan = request.planner({ cfg = cfg, user_agent = "x" },
      { repetition_penalty = 2, repitition_penalty = 3 })
    for _, options in ipairs { {}, { seed = 1 } } do
      local made, err = plan(generate.ROUTE, options)
      assert.is_nil(made)
      assert.is_truthy(err.message:find("is given twice", 1, true), err.message)
    end
  end)

  it("refuses bad values every time", function ()
    local plan = request.planner({ cfg = cfg, user_agent = "x" }, { temperature = -1 })
    for _ = 1, 2 do
      local made, err = plan(generate.ROUTE)
      assert.is_nil(made)
      assert.equal("validation", err.kind)
    end
    assert.is_table(plan(generate.ROUTE, { temperature = 1 }))
  end)

  it("raises for mistakes of the program, and for a closed client", function ()
    local client = { cfg = cfg, user_agent = "x" }
    local plan = request.planner(client)
    assert.error_matches(function () plan(generate.ROUTE, { timeout = { totl = 1 } }) end,
      'unknown timeout "totl"; did you mean "total"%?')
    assert.error_matches(function () plan(generate.ROUTE, 5, "session:send") end,
      "session:send takes its options as a table, got a number")
    client.closed = true
    assert.error_matches(function () plan(generate.ROUTE, nil, "session:send") end,
      "session:send on a closed client")
  end)
end)
