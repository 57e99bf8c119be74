-- SPDX-License-Identifier: MIT
--- The hooks of a stream: what they see, and what becomes of their errors.
local pipe = require "spec.support.pipe_transport"
local secrecy = require "spec.support.secrecy"
local wire = require "spec.support.wire"
local count_of = require "predibase.stream".count

local HOOKS = { "on_request", "on_response", "on_retry", "on_token" }

local function overloaded ()
  return { body = wire.error("Model is overloaded", "overloaded") }
end

--- A client that is refused once, then served; every hook runs.
local function served_at_second (options)
  return pipe.client({ overloaded(), { body = wire.answer() } }, options)
end

describe("the hooks of a stream", function ()
  local function record ()
    local calls, options = {}, {}
    for _, name in ipairs(HOOKS) do
      options[name] = function (info) calls[#calls + 1] = { name, info } end
    end
    return calls, options
  end

  it("run in the order in which things happen", function ()
    local calls, options = record()
    served_at_second(options):generate_stream "x":text()
    local names = {}
    for i, call in ipairs(calls) do names[i] = call[1] end
    assert.same({ "on_request", "on_response", "on_retry", "on_request", "on_response", "on_token",
      "on_token", "on_token", "on_token", "on_token" }, names)
  end)

  it("are told what happens", function ()
    local calls, options = record()
    served_at_second(options):generate_stream "x":text()
    local request, response, retry = calls[1][2], calls[2][2], calls[3][2]
    assert.equal("POST", request.method)
    assert.equal("http://127.0.0.1:8080/generate_stream", request.url)
    assert.equal(1, request.attempt)
    assert.equal("application/json", request.headers["content-type"])
    assert.equal("Bearer [redacted]", request.headers.authorization)
    assert.equal(200, response.status)
    assert.equal("text/event-stream", response.headers["content-type"])
    assert.equal(1, response.attempt)
    assert.equal("overloaded", retry.error.kind)
    assert.equal(1, retry.attempt)
    assert.is_number(retry.delay)
    assert.equal(2, calls[4][2].attempt)
    assert.equal(2, calls[5][2].attempt)
    assert.equal(" The", calls[6][2].text)
  end)

  it("never see the API token", function ()
    local seen = {}
    local function check (info)
      seen[#seen + 1] = secrecy.find(info) or "nothing"
    end
    local client = pipe.client({ { status = 503,
      headers = { ["retry-after"] = "1", ["x-echo"] = "Bearer pb_SENTINEL_7f3a" },
      body = "pb_SENTINEL_7f3a" }, { headers = { ["content-type"] = "text/event-stream",
      ["x-echo"] = "pb_SENTINEL_7f3a" }, body = wire.answer() } },
      { on_request = check, on_response = check, on_retry = check, on_token = check })
    client:generate_stream "x":text()
    assert.equal(10, #seen)
    for _, path in ipairs(seen) do assert.equal("nothing", path) end
  end)

  it("of a call go before those of the client", function ()
    local of_client, of_call = 0, 0
    local client = pipe.client({ body = wire.answer() },
      { on_token = function () of_client = of_client + 1 end })
    client:generate_stream("x", { on_token = function () of_call = of_call + 1 end }):text()
    assert.same({ 0, 5 }, { of_client, of_call })
    client:generate_stream "x":text()
    assert.same({ 5, 5 }, { of_client, of_call })
  end)

  it("may do with what they are given what they like", function ()
    local client = pipe.client({ headers = wire.stream_head(), body = wire.answer() },
      { on_response = function (info)
        for name in pairs(info.headers) do info.headers[name] = nil end
        info.status = 500
      end })
    local s = client:generate_stream "x"
    assert.equal(" The sky is blue.", s:text())
    assert.equal(200, s:result().status)
    for name, value in pairs(wire.stream_head()) do
      assert.equal(value, s:result().headers[name])
    end
  end)

  it("run once per response, also when it comes in many pieces", function ()
    local responses = 0
    local pieces = {}
    for byte in wire.answer():gmatch "." do pieces[#pieces + 1] = byte end
    local client = pipe.client({ pieces = pieces },
      { on_response = function () responses = responses + 1 end })
    client:generate_stream "x":text()
    assert.equal(1, responses)
  end)
end)

local function assert_nothing_open (client, network)
  for _, request in ipairs(network.requests) do
    assert.is_truthy(request.closed or request.released)
  end
  assert.equal(0, client.transport:size())
end

describe("a hook that raises", function ()
  --- Reads a stream on after each error of a hook. Gives the texts and how many errors there were.
  local function read_on (s)
    local texts, raised = {}, 0
    for _ = 1, 100 do
      local ok, token, err = pcall(s.next, s)
      if not ok then
        assert.equal("mine", token)
        raised = raised + 1
      elseif token then
        texts[#texts + 1] = token.text
      else
        return table.concat(texts), raised, err
      end
    end
    error "the stream did not end"
  end

  for _, name in ipairs { "on_request", "on_response", "on_retry" } do
    it("from " .. name .. " reaches the reader, and no token is lost", function ()
      local done = false
      local client = served_at_second { [name] = function ()
        if not done then
          done = true
          error("mine", 0)
        end
      end }
      local text, raised, err = read_on(client:generate_stream "x")
      assert.is_nil(err)
      assert.equal(" The sky is blue.", text)
      assert.equal(1, raised)
    end)
  end

  it("from on_response does not cost the first token", function ()
    for _, body in ipairs { wire.answer(), wire.closing(".", " The sky is blue."):sub(1, -2) } do
      local client = pipe.client({ body = body },
        { on_response = function () error("mine", 0) end })
      local s = client:generate_stream "x"
      local _, raised, err = read_on(s)
      assert.is_nil(err)
      assert.equal(1, raised)
      assert.equal(body == wire.answer() and 5 or 1, count_of(s))
    end
  end)

  it("from on_token reaches the reader, and the stream goes on behind that token", function ()
    local seen = {}
    local client = served_at_second { on_token = function (token)
      seen[#seen + 1] = token.text
      if token.text == " sky" or token.text == "." then error("mine", 0) end
    end }
    local s = client:generate_stream "x"
    local text, raised = read_on(s)
    assert.equal(" The is blue", text)
    assert.equal(" The sky is blue.", table.concat(seen))
    assert.equal(2, raised)
    assert.equal(" The sky is blue.", s:result().generated_text)
  end)

  it("keeps its own value", function ()
    local mine = { "mine" }
    local client = pipe.client({ body = wire.answer() }, { on_token = function () error(mine) end })
    local ok, raised = pcall(function ()
      for _ in client:generate_stream "x" do error "a token" end
    end)
    assert.is_false(ok)
    assert.equal(mine, raised)
  end)

  it("leaves no connection behind once the stream is closed", function ()
    for _, name in ipairs { "on_request", "on_response", "on_retry", "on_token" } do
      local client, network = served_at_second { [name] = function () error("mine", 0) end }
      local s = client:generate_stream "x"
      assert.is_false((pcall(s.next, s)))
      s:close()
      assert_nothing_open(client, network)
    end
  end)

  it("leaves no connection behind in generate", function ()
    for _, name in ipairs { "on_request", "on_response", "on_retry" } do
      local client, network = pipe.client({ status = 503, headers = {}, body = "" },
        { [name] = function () error("mine", 0) end })
      assert.is_false((pcall(client.generate, client, "x")))
      assert_nothing_open(client, network)
    end
  end)
end)
