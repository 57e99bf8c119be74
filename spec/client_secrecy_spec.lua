-- SPDX-License-Identifier: MIT
--- The API token and other secrets: in what is sent, and nowhere else.
local config = require "predibase.config"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local secrecy = require "spec.support.secrecy"
local wire = require "spec.support.wire"
local transport = require "predibase.transport"

local TOKEN = secrecy.TOKEN

describe("the API token", function ()
  local function find (value)
    return secrecy.find(value, TOKEN, pipe.is_core)
  end

  it("is found where it is", function ()
    assert.equal("value.a.b", find { a = { b = "x" .. TOKEN } })
    assert.equal("value.(a key)", find { [TOKEN] = 1 })
    assert.equal("tostring(value)", find(setmetatable({}, { __tostring = function ()
      return TOKEN
    end })))
  end)

  it("is nowhere in clients, streams, results and errors", function ()
    local echo = { ["content-type"] = "text/event-stream", ["x-echo"] = "Bearer " .. TOKEN }
    local client, network = pipe.client({ { status = 401, headers = echo, body = "no: " .. TOKEN },
      { headers = echo, body = wire.answer() },
      { headers = echo, body = wire.error("bad token " .. TOKEN, "t" .. TOKEN) },
      { headers = echo, body = wire.token " The" .. wire.event(TOKEN) },
      { failure = { kind = "connection", phase = "connect", message = "no " .. TOKEN } },
      { headers = { ["content-type"] = "application/json", ["x-adapter-id"] = TOKEN,
        ["x-model-id"] = TOKEN }, body = '{"generated_text":"a"}' },
    }, { max_retries = 0, defaults = { api_token = TOKEN .. "2" } })
    local refused = select(2, client:generate "x")
    assert.equal("authentication", refused.kind)
    assert.equal("no: [redacted]", refused.message)
    local read = client:generate_stream "x"
    assert.equal(" The sky is blue.", read:text())
    local failed = client:generate_stream("x", { api_token = TOKEN .. "3" })
    assert.equal("bad token [redacted]", select(2, failed:next()).message)
    local broken = client:generate_stream "x"
    assert.equal("protocol", select(2, broken:text()).kind)
    local down = select(2, client:generate "x")
    assert.equal("connection", down.kind)
    local result = client:generate("x", { api_token = TOKEN .. "3" })
    for i, value in ipairs { client, refused, read, read:result(), failed, broken, down, result } do
      assert.is_nil(find(value), i)
      assert.is_nil(tostring(value):find(TOKEN, 1, true), i)
    end
    -- It was sent all the same.
    assert.is_truthy(table.concat(network.requests[1].headers, "\n")
      :find("authorization: Bearer " .. TOKEN, 1, true))
    assert.is_truthy(network.requests[1].body:find(TOKEN .. "2", 1, true))
    assert.is_truthy(network.requests[6].body:find(TOKEN .. "3", 1, true))
  end)

  it("is nowhere in a batch, whatever became of its prompts", function ()
    local json = { ["content-type"] = "application/json", ["x-echo"] = TOKEN }
    local client = pipe.client({ { headers = json, body = '{"generated_text":"a"}' },
      { status = 401, headers = json, body = "no: " .. TOKEN },
      { status = 429, headers = json, body = "no: " .. TOKEN },
      { headers = json, body = '{"generated_text":"b"}', before = 5 },
    }, { headers = { ["X-Api-Key"] = TOKEN .. "6" } })
    local entry = { prompt = "x", api_token = TOKEN .. "3" }
    local many = client:generate_many({ entry, entry, entry, entry, entry },
      { api_token = TOKEN .. "2", concurrency = 1 })
    for i = 1, 5 do
      local index, result, err = many:next()
      assert.equal(i, index)
      for _, value in pairs { many, many.held, result or err } do assert.is_nil(find(value)) end
    end
    client:close()
  end)

  it("is nowhere in the error of a wrong call", function ()
    local client = pipe.client { body = "{}" }
    local ok, message = pcall(client.generate, client, "x", { api_tokn = TOKEN })
    assert.is_false(ok)
    assert.is_nil(find(message))
    ok, message = pcall(predibase.new, { api_tokn = TOKEN })
    assert.is_false(ok)
    assert.is_nil(find(message))
    local made, err = predibase.new { base_url = "http://example.com", api_token = TOKEN }
    assert.is_nil(made)
    assert.is_nil(find(err))
    err = select(2, client:generate("x", { api_token = TOKEN .. "\n" }))
    assert.equal("validation", err.kind)
    assert.is_nil(find(err))
  end)

  it("is nowhere, and no other header that holds a secret, but goes out", function ()
    local client, network = pipe.client({ headers = { ["content-type"] = "text/event-stream" },
      body = wire.answer() }, { headers = { ["X-Api-Key"] = TOKEN .. "6", ["X-Team"] = "blue" } })
    local s = client:generate_stream("x", { headers = { Cookie = TOKEN .. "7" } })
    assert.is_string(s:text())
    for _, value in ipairs { client, s, s:result() } do assert.is_nil(find(value)) end
    assert.same({ { "Cookie", "[redacted]" }, { "X-Api-Key", "[redacted]" }, { "X-Team", "blue" } },
      s.call.options.headers)
    local sent = table.concat(network.requests[1].headers, "\n")
    for _, line in ipairs { "X-Api-Key: " .. TOKEN .. "6", "Cookie: " .. TOKEN .. "7",
      "X-Team: blue" } do
      assert.is_truthy(sent:find(line, 1, true), line)
    end
  end)

  it("is nowhere, and the passwords of proxy and key neither, in a client of its own", function ()
    -- nginx takes no password of a key.
    local password = not transport.in_nginx() and TOKEN .. "5" or nil
    local client = assert(predibase.new { base_url = "https://lorax.test:9", api_token = TOKEN,
      proxy = "http://user:" .. TOKEN .. "4@127.0.0.1:9", client_cert = "/nowhere/cert.pem",
      client_key_password = password, headers = {}, max_retries = 0 })
    assert.is_nil(secrecy.find(client))
    local _, err = client:generate "x"
    assert.is_string(err.kind)
    assert.is_nil(secrecy.find(err))
    local s = client:generate_stream "x"
    assert.is_nil(s:text())
    assert.is_nil(secrecy.find(s))
    assert.is_nil(secrecy.find(client))
    assert.equal(TOKEN, config.token(client.cfg))
    client:close()
  end)
end)
