-- SPDX-License-Identifier: MIT
local errors = require "predibase.errors"
local json = require "predibase.json"
local ordered = require "predibase.template.ordered"
local params = require "predibase.params"

local function encoded (parameters, context)
  local list, err = params.check(parameters, context)
  assert(list, tostring(err))
  return json.encode(json.object(list))
end

local function refused (parameters, context)
  local list, err = params.check(parameters, context)
  assert.is_nil(list)
  assert.is_true(errors.is(err))
  assert.equal("validation", err.kind)
  assert.equal("validation", err.error_type)
  assert.equal("request", err.phase)
  assert.is_false(err.retryable)
  return (err.message:gsub("^Input validation error: ", "", 1))
end

local STREAM = { stream = true }

describe("params.check", function ()
  it("sends nothing for no parameters", function ()
    assert.same({}, params.check(nil))
    assert.same({}, params.check({}))
  end)

  it("sends every parameter in the fixed order of the API", function ()
    assert.equal('{"adapter_id":"my-repo/3","adapter_source":"hub","api_token":"hf_x",'
      .. '"best_of":1,"temperature":0.1,"repetition_penalty":1.5,"frequency_penalty":-2,'
      .. '"presence_penalty":2,"top_k":50,"top_p":1,"typical_p":0.95,"do_sample":true,'
      .. '"max_new_tokens":20,"ignore_eos_token":false,"return_full_text":true,'
      .. '"stop":["\\n\\n"],"truncate":9,"watermark":false,"details":true,'
      .. '"decoder_input_details":true,"return_k_alternatives":3,"apply_chat_template":false,'
      .. '"seed":42,"response_format":{"type":"json_object"},"future":[1]}',
      encoded {
        extra = { future = { 1 } }, response_format = { type = "json_object" }, seed = 42,
        apply_chat_template = false, return_k_alternatives = 3, decoder_input_details = true,
        details = true, watermark = false, truncate = 9, stop = { "\n\n" },
        return_full_text = true, ignore_eos_token = false, max_new_tokens = 20,
        do_sample = true, typical_p = 0.95, top_p = 1, top_k = 50, presence_penalty = 2,
        frequency_penalty = -2, repetition_penalty = 1.5, temperature = 0.1, best_of = 1,
        api_token = "hf_x", adapter_source = "hub", adapter_id = "my-repo/3",
      })
  end)

  it("lists the names of all parameters", function ()
    for _, name in ipairs { "adapter_id", "best_of", "repitition_penalty", "extra", "seed" } do
      assert.is_true(params.names[name])
    end
    assert.is_nil(params.names.timeout)
  end)

  it("raises for a name that does not exist, with a suggestion and the caller's line", function ()
    local ok, message = pcall(function () params.check { max_tokens = 5 } end)
    assert.is_false(ok)
    assert.matches('unknown parameter "max_tokens"; did you mean "max_new_tokens"%?', message)
    assert.matches("^spec/params_spec%.lua:", message)
  end)

  it("raises when the parameters are not a table", function ()
    assert.error_matches(function () params.check("x") end,
      "parameters must be a table, got a string")
  end)

  it("sends the documented misspelling under the correct name", function ()
    assert.equal('{"repetition_penalty":1.1}', encoded { repitition_penalty = 1.1 })
    assert.equal("`repetition_penalty` must be strictly positive",
      refused { repitition_penalty = 0 })
    assert.equal("`repetition_penalty` is given twice, also as `repitition_penalty`",
      refused { repitition_penalty = 1, repetition_penalty = 2 })
    assert.equal('{"repetition_penalty":2}',
      encoded { repitition_penalty = json.null, repetition_penalty = 2 })
  end)

  it("treats null as not given", function ()
    assert.equal("{}", encoded { temperature = json.null, stop = json.null, details = json.null })
    assert.equal('{"details":true}', encoded({ best_of = json.null, details = json.null }, STREAM))
  end)

  it("does not change the caller's table, and is not affected by later changes", function ()
    local stop, ids = { "a" }, { "x" }
    local given = { stop = stop, merged_adapters = { ids = ids, weights = { 1 } },
      repitition_penalty = 1, response_format = { type = "json_object", schema = { const = 1 } } }
    local list = params.check(given)
    assert.same({ stop = { "a" }, merged_adapters = { ids = { "x" }, weights = { 1 } },
      repitition_penalty = 1, response_format = { type = "json_object", schema = { const = 1 } } },
      given)
    assert.is_nil(getmetatable(stop))
    local before = json.encode(json.object(list))
    stop[1], ids[1], given.response_format.schema.const = "b", "y", 2
    assert.equal(before, json.encode(json.object(list)))
  end)

  it("calls no metamethods, even those that raise", function ()
    local function bad () error("metamethod called") end
    local cruel = { __index = bad, __pairs = bad, __len = bad, __newindex = bad,
      __tostring = bad, __eq = bad }
    local function make (t) return setmetatable(t, cruel) end
    assert.equal('{"merged_adapters":{"ids":["x"],"weights":[1]},"stop":["a"],'
      .. '"response_format":{"type":"json_object","schema":{"const":1,"required":[]}},"f":{"g":1}}',
      encoded(make {
        stop = make { "a" }, extra = make { f = make { g = 1 } },
        merged_adapters = make { ids = make { "x" }, weights = make { 1 } },
        response_format = make { type = "json_object",
          schema = make { const = 1, required = json.array {} } },
      }))
    assert.matches("^`seed` must be an integer .* got a table$", refused { seed = make {} })
    assert.matches("^`stop%[1%]` must be a string, got a table$", refused { stop = { make {} } })
  end)

  it("requests details on a stream unless the caller sets them", function ()
    assert.equal('{"details":true}', encoded(nil, STREAM))
    assert.equal('{"details":false}', encoded({ details = false }, STREAM))
    assert.equal("{}", encoded({}, { stream = false }))
  end)

  it("refuses parameters on a stream that the router refuses there", function ()
    assert.equal("`best_of` != 1 is not supported when streaming tokens",
      refused({ best_of = 2, do_sample = true }, STREAM))
    assert.equal("`best_of` != 1 is not supported when streaming tokens",
      refused({ best_of = 0 }, STREAM))
    assert.equal("`decoder_input_details` == true is not supported when streaming tokens",
      refused({ decoder_input_details = true }, STREAM))
    assert.equal('{"best_of":1,"details":true,"decoder_input_details":false}',
      encoded({ best_of = 1, decoder_input_details = false }, STREAM))
  end)

  it("accepts ordered JSON objects", function ()
    local row = assert(ordered.decode('{"seed":18446744073709551615,"temperature":1.0,"top_k":4,'
      .. '"stop":["a"],"merged_adapters":{"ids":["x/1"],"weights":[1.0]}}'))
    assert.equal('{"merged_adapters":{"ids":["x/1"],"weights":[1]},"temperature":1,"top_k":4,'
      .. '"stop":["a"],"seed":18446744073709551615}', encoded(json.fields(row)))
    assert.matches("got the number 1.5", refused { top_k = json.number "1.5" })
  end)

  it("accepts best_of above 1 only with sampling and without a seed", function ()
    local text = "you must use sampling when `best_of` is > 1"
    assert.equal(text, refused { best_of = 2 })
    assert.equal(text, refused { best_of = 2, do_sample = false })
    assert.equal('{"best_of":2,"do_sample":true}', encoded { best_of = 2, do_sample = true })
    for name, value in pairs { temperature = 0.5, top_k = 5, top_p = 0.5, typical_p = 0.5 } do
      assert.equal(('{"best_of":2,"%s":%s}'):format(name, json.encode(value)),
        encoded { best_of = 2, [name] = value })
    end
    assert.equal("`seed` must not be set when `best_of` > 1",
      refused { best_of = 2, do_sample = true, seed = 0 })
    assert.equal('{"best_of":0,"seed":1}', encoded { best_of = 0, seed = 1 })
  end)

  it("reports the first of several mistakes in the router's order", function ()
    local all = { best_of = 2, seed = 1, temperature = -1, top_p = 0, max_new_tokens = 0,
      adapter_id = "", merged_adapters = { ids = { "a" }, weights = { 1 } } }
    local order = {
      { "at most one of `adapter_id` or `adapters` may be provided", "merged_adapters" },
      { "you must use sampling when `best_of` is > 1", nil },
      { "`temperature` must be non-negative", "temperature" },
      { "`top_p` must be > 0.0 and < 1.0", "top_p" },
      { "`max_new_tokens` must be strictly positive", "max_new_tokens" },
      { "`seed` must not be set when `best_of` > 1", "seed" },
    }
    all.temperature = nil
    local top_p = all.top_p
    all.top_p = nil
    for i, step in ipairs(order) do
      assert.equal(step[1], refused(all))
      if i == 2 then all.do_sample, all.temperature, all.top_p = true, -1, top_p end
      if step[2] then all[step[2]] = nil end
    end
    assert.is_table(params.check(all))
  end)

  it("checks defaults one by one, because a call may add others", function ()
    assert.is_table(params.check({ best_of = 2 }, { partial = true }))
    assert.equal("`temperature` must be non-negative",
      refused({ temperature = -0.1 }, { partial = true }))
  end)
end)

describe("params.merge", function ()
  it("merges the parameters of a call with the defaults in a new table", function ()
    local defaults, call = { top_k = 1, stop = { "a" } }, { top_k = 2, seed = 3 }
    assert.same({ top_k = 2, seed = 3, stop = { "a" } }, params.merge(defaults, call))
    assert.same({ top_k = 1, stop = { "a" } }, defaults)
    assert.same({ top_k = 2, seed = 3 }, call)
    assert.same({}, params.merge(nil, nil))
  end)

  it("removes a default when the call gives null", function ()
    local list = params.check(params.merge({ top_k = 1, seed = 2 }, { top_k = json.null }))
    assert.same({ { "seed", 2 } }, list)
  end)

  it("lets the adapter of a call replace a default one, whichever way it is named", function ()
    local merged = { ids = { "a/1", "b/1" }, weights = { 1, 1 } }
    assert.same({ merged_adapters = merged, top_k = 1 },
      params.merge({ adapter_id = "c/1", top_k = 1 }, { merged_adapters = merged }))
    assert.same({ adapter_id = "c/1" },
      params.merge({ merged_adapters = merged }, { adapter_id = "c/1" }))
    assert.same({ adapter_id = "c/1", merged_adapters = json.null },
      params.merge({ adapter_id = "c/1" }, { merged_adapters = json.null }))
    local both = params.merge({ adapter_id = "c/1" },
      { adapter_id = "d/1", merged_adapters = merged })
    assert.matches("at most one of", select(2, params.check(both)).message)
  end)

  it("treats both spellings as the same parameter", function ()
    assert.same({ repetition_penalty = 2 },
      params.merge({ repitition_penalty = 1 }, { repetition_penalty = 2 }))
    assert.same({ repetition_penalty = 2 },
      params.merge({ repetition_penalty = 1 }, { repitition_penalty = 2 }))
    assert.matches("given twice", refused(params.merge({},
      { repitition_penalty = 1, repetition_penalty = 1 })))
  end)
end)
