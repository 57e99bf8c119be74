-- SPDX-License-Identifier: MIT
local bulk = require "predibase.bulk"
local json = require "predibase.json"
local predibase = require "predibase"
local scratch = require "spec.support.scratch"
local server = require "spec.support.server"

describe("the preview of a run", function ()
  local running, client

  before_each(function ()
    running = server.spawn {}
    client = assert(predibase.new { base_url = running.url, api_token = false })
  end)

  after_each(function ()
    client:close()
    server.stop()
  end)

  local function paths ()
    local counts = {}
    for _, entry in ipairs(running:log()) do
      counts[entry.path] = (counts[entry.path] or 0) + 1
    end
    return counts
  end

  it("has the first requests, their tokens, and an estimate for all rows", function ()
    local made = assert(bulk.preview(client, {
      rows = { "One?", { prompt = "Two?" }, "Three?", "Four?", "Five?" }, limit = 4,
      options = { max_new_tokens = 3 },
    }, 2))
    assert.equal(2, #made.requests)
    local first = made.requests[1]
    assert.equal("POST", first.method)
    assert.equal(running.url .. "/generate", first.url)
    local body = assert(json.decode(first.body))
    assert.equal("One?", body.inputs)
    assert.equal(3, body.parameters.max_new_tokens)
    assert.equal(#assert(client:tokenize "One?"), first.tokens)
    assert.equal(4, made.rows)
    local both = made.requests[1].tokens + made.requests[2].tokens
    assert.equal(both * 2, made.tokens)
    assert.same({ ["/tokenize"] = 3 }, paths())
  end)

  it("counts the tokens of conversations, of parts, and of OpenAI's rows", function ()
    local made = assert(bulk.preview(client, { rows = {
      { messages = { { role = "user", content = "One?" }, { role = "user", content = "Two?" } } },
      { messages = { { role = "user", content = { { type = "text", text = "One?" } } } } },
    } }, 9))
    local one = #assert(client:tokenize "One?")
    assert.equal(one + #assert(client:tokenize "Two?"), made.requests[1].tokens)
    assert.equal(one, made.requests[2].tokens)
    local folder = scratch.new()
    local path = folder .. "/in.jsonl"
    scratch.write(path, '{"custom_id":"a","method":"POST","url":"/v1/completions","body":'
      .. '{"model":"m","prompt":"One?"}}\n')
    made = assert(bulk.preview(client, { input = path }, 9))
    scratch.remove(folder)
    assert.equal(one, made.requests[1].tokens)
    assert.equal('{"model":"m","prompt":"One?"}', made.requests[1].body)
    assert.equal(1, made.requests[1].line)
  end)

  it("has the errors of rows, and reads a pipe no further than it must", function ()
    local read = 0
    local pieces = { '{"prompt":1}\n', '{"prompt":"One?"}\n', '{"prompt":"Two?"}\n' }
    local source = { read = function ()
      read = read + 1
      return pieces[read]
    end }
    local made = assert(bulk.preview(client, { input = source, format = "jsonl" }, 2))
    assert.equal("validation", made.requests[1].err.kind)
    assert.is_nil(made.requests[1].body)
    assert.is_string(made.requests[2].body)
    assert.is_nil(made.rows)
    assert.is_nil(made.tokens)
    assert.is_true(read < 3)
  end)

  it("goes on without tokens where the server cannot count them", function ()
    running:script("/tokenize", { status = 404, body = "{}" })
    local made = assert(bulk.preview(client, { rows = { "One?", "Two?" } }, 2))
    assert.equal(2, #made.requests)
    assert.is_nil(made.requests[1].tokens)
    assert.equal("not_found", made.tokenize_err.kind)
    assert.equal(2, made.rows)
    assert.is_nil(made.tokens)
    assert.same({ ["/tokenize"] = 1 }, paths())
  end)

  it("shows no secret", function ()
    local made = assert(bulk.preview(client, { rows = { "One?" },
      options = { adapter_id = "a/1", adapter_source = "hub", api_token = "hf_secret" } }, 1))
    assert.is_nil(made.requests[1].body:find("hf_secret", 1, true))
    assert.is_truthy(made.requests[1].body:find("[redacted]", 1, true))
  end)

  it("returns the error of an input that cannot be read", function ()
    local made, err = bulk.preview(client, { input = "/nonexistent/in.jsonl" }, 1)
    assert.is_nil(made)
    assert.equal("config", err.kind)
    assert.has_error(function () bulk.preview(client, { rows = {}, frobnicate = 1 }, 1) end)
  end)
end)
