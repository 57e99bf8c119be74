-- SPDX-License-Identifier: MIT
local json = require "predibase.json"
local params = require "predibase.params"
local parameters = require "spec.support.parameters"

local encoded, refused = parameters.encoded, parameters.refused

describe("adapter_id", function ()
  it("is sent with the source pbase unless another one is given", function ()
    assert.equal('{"adapter_id":"my-repo/3","adapter_source":"pbase"}',
      encoded { adapter_id = "my-repo/3" })
    assert.equal('{"adapter_id":"my-repo/3","adapter_source":"hub","api_token":""}',
      encoded { adapter_id = "my-repo/3", adapter_source = "hub" })
  end)

  it("from the hub never lets the server use the token of the request", function ()
    assert.equal('{"adapter_id":"my-repo/3","adapter_source":"hub","api_token":"hf_x"}',
      encoded { adapter_id = "my-repo/3", adapter_source = "hub", api_token = "hf_x" })
    assert.equal('{"adapter_id":"my-repo/3","adapter_source":"hub","api_token":""}',
      encoded { adapter_id = "my-repo/3", adapter_source = "hub", api_token = json.null })
    assert.equal('{"adapter_source":"hub","merged_adapters":{"ids":["a/1"],"weights":[1]},'
      .. '"api_token":""}',
      encoded { merged_adapters = { ids = { "a/1" }, weights = { 1 } }, adapter_source = "hub" })
    assert.equal('{"adapter_source":"hub"}', encoded { adapter_source = "hub" })
    assert.equal('{"adapter_id":"my-repo/3","adapter_source":"HUB","api_token":""}',
      encoded { adapter_id = "my-repo/3", adapter_source = "HUB" })
  end)

  it("means the base model when it is empty, and is sent without a source", function ()
    assert.equal('{"adapter_id":""}', encoded { adapter_id = "" })
  end)

  it("is refused with a control character, which would end the router's process", function ()
    for _, byte in ipairs { 0, 9, 10, 13, 31, 127 } do
      assert.matches(("^`adapter_id` must not contain control characters, got byte 0x%02x "
        .. "at position 2"):format(byte), refused { adapter_id = "a" .. string.char(byte) .. "b" })
    end
    assert.matches("a newline at the end often comes from a file",
      refused { adapter_id = "my-repo/3\n" })
  end)

  it("is refused when it is not a string or not UTF-8", function ()
    assert.equal("`adapter_id` must be a string, got the number 3", refused { adapter_id = 3 })
    assert.equal("`adapter_id` must be valid UTF-8, got byte 0xff at position 1",
      refused { adapter_id = "\255" })
    assert.equal('{"adapter_id":"über/1","adapter_source":"pbase"}',
      encoded { adapter_id = "über/1" })
  end)
end)

describe("adapter_source", function ()
  it("is one of the router's four, in any case", function ()
    for _, source in ipairs { "hub", "local", "s3", "pbase", "HUB", "PBase" } do
      assert.equal(('{"adapter_source":"%s"}'):format(source),
        encoded { adapter_source = source })
    end
  end)

  it("is refused when it is another name, with the most similar one", function ()
    assert.equal('`adapter_source` must be one of hub, local, s3, pbase, got the string "pbas"; '
      .. 'did you mean "pbase"?', refused { adapter_source = "pbas" })
    assert.equal('`adapter_source` must be one of hub, local, s3, pbase, got the string ""',
      refused { adapter_source = "" })
    assert.equal('`adapter_source` must be one of hub, local, s3, pbase, got the string "hub "; '
      .. 'did you mean "hub"?', refused { adapter_source = "hub " })
    assert.equal("`adapter_source` must be one of hub, local, s3, pbase, got a table",
      refused { adapter_source = {} })
  end)
end)

describe("merged_adapters", function ()
  local function merged (fields)
    local value = { ids = { "a/1", "b/2" }, weights = { 0.5, 0.5 } }
    for name, field in pairs(fields or {}) do value[name] = field end
    return { merged_adapters = value }
  end

  it("is sent in a fixed order", function ()
    assert.equal('{"merged_adapters":{"ids":["a/1","b/2"],"weights":[0.5,0.5]}}',
      encoded(merged()))
    assert.equal('{"merged_adapters":{"ids":["a/1","b/2"],"weights":[0.5,0.5],'
      .. '"merge_strategy":"TIES","density":0.5,"majority_sign_method":"total"}}',
      encoded(merged { merge_strategy = "TIES", density = 0.5, majority_sign_method = "total" }))
    assert.equal('{"merged_adapters":{"ids":["a/1","b/2"],"weights":[0.5,0.5]}}',
      encoded(merged { density = json.null, merge_strategy = json.null }))
  end)

  it("cannot be combined with adapter_id, not even with an empty one", function ()
    local both = merged()
    for _, id in ipairs { "a/1", "" } do
      both.adapter_id = id
      assert.equal("at most one of `adapter_id` or `adapters` may be provided", refused(both))
    end
    both.adapter_id = json.null
    assert.matches('^{"merged_adapters"', encoded(both))
  end)

  it("needs at least one id and as many weights as ids", function ()
    local missing = "at least one adapter ID must be provided when setting `adapters`"
    assert.equal(missing, refused { merged_adapters = {} })
    assert.equal(missing, refused(merged { ids = {} }))
    local count = "number of adapter IDs must match number of adapter weights"
    assert.equal(count, refused(merged { weights = { 1 } }))
    assert.equal(count, refused(merged { weights = json.null }))
    assert.equal(count, refused { merged_adapters = { ids = { "a" } } })
  end)

  it("is refused with a name that would end the router's process", function ()
    assert.equal("`merged_adapters.merge_strategy` must be one of linear, ties, dare_linear, "
      .. 'dare_ties, got the string "tie"; did you mean "ties"?',
      refused(merged { merge_strategy = "tie" }))
    assert.equal("`merged_adapters.majority_sign_method` must be one of total, frequency, "
      .. 'got the string "sum"', refused(merged { majority_sign_method = "sum" }))
    assert.equal("`merged_adapters.ids[2]` must not contain control characters, "
      .. "got byte 0x00 at position 2; strip it", refused(merged { ids = { "a", "b\0" } }))
  end)

  it("is refused with a density outside 0 to 1", function ()
    assert.equal("`merged_adapters.density` must be >= 0.0 and <= 1.0, got 1.5",
      refused(merged { density = 1.5 }))
    assert.equal("`merged_adapters.density` must be >= 0.0 and <= 1.0, got -0.1",
      refused(merged { density = -0.1 }))
    assert.equal("`merged_adapters.density` must be a finite number, got the number nan",
      refused(merged { density = 0 / 0 }))
  end)

  it("is refused with values of the wrong type", function ()
    assert.equal('`merged_adapters` must be a table with ids and weights, got the string "a"',
      refused { merged_adapters = "a" })
    assert.equal('`merged_adapters.ids` must be an array of adapter ids, got the string "a"',
      refused(merged { ids = "a" }))
    assert.equal("`merged_adapters.ids` must be an array of adapter ids; "
      .. "the table given has no value at position 1", refused(merged { ids = { [2] = "a" } }))
    assert.equal("`merged_adapters.ids[1]` must not be empty", refused(merged { ids = { "" } }))
    assert.equal('`merged_adapters.weights[2]` must be a number, got the string "1"',
      refused(merged { weights = { 1, "1" } }))
    assert.equal("`merged_adapters.weights[1]` must be a finite number, got the number inf",
      refused(merged { weights = { math.huge, 1 } }))
  end)

  it("raises for a field that does not exist, with the line of the caller", function ()
    local ok, message = pcall(function () params.check(merged { weight = { 1 } }) end)
    assert.is_false(ok)
    assert.matches("^spec/params_adapters_spec%.lua:%d+: unknown field of merged_adapters "
      .. '"weight"; did you mean "weights"%?$', message)
  end)
end)
