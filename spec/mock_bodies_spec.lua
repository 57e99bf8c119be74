-- SPDX-License-Identifier: MIT
-- Columns are those of the whole body, so the cases write the parameters only.

local bodies = require "predibase.mock.bodies"

local PREFIX = "Failed to deserialize the JSON body into the target type: "
local BROKEN = "Failed to parse the request body as JSON: "

local function parse (parameters)
  return bodies.read(('{"inputs":"x","parameters":{%s}}'):format(parameters), "generate")
end

-- The refusal of parameters, without the router's first words and the place at the end.
local function refusal (parameters)
  local request, status, text = parse(parameters)
  assert.is_nil(request)
  assert.equal(422, status)
  assert.equal(PREFIX, text:sub(1, #PREFIX))
  return (text:sub(#PREFIX + 1):gsub(" at line 1 column %d+$", ""))
end

local function place (body, name)
  local request, _, text = bodies.read(body, name or "generate")
  assert.is_nil(request)
  return text:match("at (line %d+ column %d+)$")
end

describe("predibase.mock.bodies", function ()
  it("answers 422 for wrong types, nulls and missing fields, and names the field", function ()
    local cases = {
      ['"max_new_tokens":128.0'] =
        "parameters.max_new_tokens: invalid type: floating point `128.0`, expected u32",
      ['"max_new_tokens":4294967296'] =
        "parameters.max_new_tokens: invalid value: integer `4294967296`, expected u32",
      ['"best_of":-1'] = "parameters.best_of: invalid value: integer `-1`, expected usize",
      ['"top_k":"5"'] = 'parameters.top_k: invalid type: string "5", expected i32',
      ['"top_k":2147483648'] =
        "parameters.top_k: invalid value: integer `2147483648`, expected i32",
      ['"seed":18446744073709551616'] =
        "parameters.seed: invalid type: floating point `18446744073709551616`, expected u64",
      ['"temperature":"hot"'] = 'parameters.temperature: invalid type: string "hot", expected f32',
      ['"temperature":{}'] = "parameters.temperature: invalid type: map, expected f32",
      ['"stop":"END"'] = 'parameters.stop: invalid type: string "END", expected a sequence',
      ['"stop":[null]'] = "parameters.stop[0]: invalid type: null, expected a string",
      ['"stop":null'] = "parameters.stop: invalid type: null, expected a sequence",
      ['"adapter_id":5'] = "parameters.adapter_id: invalid type: integer `5`, expected a string",
      ['"adapter_id":[]'] = "parameters.adapter_id: invalid type: sequence, expected a string",
      ['"watermark":"x"'] = 'parameters.watermark: invalid type: string "x", expected a boolean',
      ['"adapter_id":true'] =
        "parameters.adapter_id: invalid type: boolean `true`, expected a string",
      ['"merged_adapters":{}'] = "parameters.merged_adapters: missing field `ids`",
      ['"response_format":{"schema":{}}'] = "parameters.response_format: missing field `type`",
      ['"response_format":{"type":"xml"}'] = "parameters.response_format.type: unknown variant "
        .. "`xml`, expected one of `Text`, `text`, `JsonObject`, `json_object`, `JsonSchema`, "
        .. "`json_schema`",
      ['"seed":1,"seed":2'] = "parameters: duplicate field `seed`",
    }
    for _, name in ipairs { "do_sample", "ignore_eos_token", "watermark", "details",
        "decoder_input_details", "apply_chat_template" } do
      cases[('"%s":null'):format(name)] =
        ("parameters.%s: invalid type: null, expected a boolean"):format(name)
    end
    for parameters, expected in pairs(cases) do assert.equal(expected, refusal(parameters)) end
  end)

  it("says where a mistake is, as the router's JSON library does", function ()
    assert.equal("line 1 column 2", place "{}")
    assert.equal("line 1 column 10", place '{"inputs":["a"]}')
    assert.equal("line 1 column 13", place '{"model":null}' and place('{"model":null}', "chat"))
    assert.equal("line 2 column 10", place '{\n"inputs":1}')
    local message = '{"model":"","messages":[{"role":"user","content":1%s]}'
    assert.equal("line 1 column 51", place(message:format("}"), "chat"))
    assert.equal("line 1 column 50", place(message:format(',"name":"x"}'), "chat"))
  end)

  it("reads integers of each width exactly", function ()
    local p = parse('"seed":18446744073709551615,"max_new_tokens":4294967295,"top_k":-2147483648')
      .parameters
    assert.equal("18446744073709551615", p.seed)
    assert.equal(4294967295, p.max_new_tokens)
    assert.equal(-2147483648, p.top_k)
  end)

  it("rounds numbers to 32-bit floats, as the router does", function ()
    assert.equal(1, parse('"top_p":1.00000001').parameters.top_p)
    assert.equal(0.699999988079071044921875, parse('"top_p":0.7').parameters.top_p)
    assert.equal(math.huge, parse('"temperature":1e39').parameters.temperature)
    assert.equal(0, parse('"temperature":1e-46').parameters.temperature)
  end)

  it("reads arrays that stand for objects", function ()
    local body = assert(bodies.read('["Hi",{"max_new_tokens":2}]', "generate"))
    assert.equal("Hi", body.inputs)
    assert.equal(2, body.parameters.max_new_tokens)
    local _, status, text = bodies.read("[]", "tokenize")
    assert.equal(422, status)
    assert.equal(PREFIX .. "invalid length 0, expected struct TokenizeRequest with 2 elements "
      .. "at line 1 column 2", text)
    _, status = bodies.read('["x",true,1]', "tokenize")
    assert.equal(400, status)
  end)

  it("answers 400 when the type of a response_format is no string, as the router does", function ()
    local _, status, text = parse('"response_format":{"type":null}')
    assert.equal(400, status)
    assert.equal(BROKEN .. "parameters.response_format.type: expected value at line 1 column 55",
      text)
  end)

  it("answers 422 for a body of another type and for parameters that are null", function ()
    local _, status, text = bodies.read('{"inputs":"x","parameters":null}', "generate")
    assert.equal(422, status)
    assert.is_truthy(text:find("parameters: invalid type: null, expected struct", 1, true))
    for _, body in ipairs { "null", '"x"', "1", "false" } do
      assert.equal(422, (select(2, bodies.read(body, "tokenize"))))
    end
  end)

  it("answers 400 for broken JSON", function ()
    local _, status, text = bodies.read('{"inputs":', "generate")
    assert.equal(400, status)
    assert.equal(BROKEN .. "EOF while parsing a value at line 1 column 10", text)
  end)

  it("takes the content of a message as text, parts, null or nothing", function ()
    local chat = '{"model":"","messages":[{"role":"user"%s}]}'
    local function content (text)
      local body = assert(bodies.read(chat:format(text), "chat"))
      return body.messages[1].content
    end
    assert.equal("x", content ',"content":"x"')
    assert.is_nil(content ',"content":null')
    assert.is_nil(content "")
    assert.same({ { text = "a" }, { text = "![](data:x)" } }, content [[,"content":[
      {"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:x"}}] ]])
    for _, wrong in ipairs { "1", "{}", '[{"type":"text"}]', '[{"type":"input_audio"}]' } do
      local _, status = bodies.read(chat:format(',"content":' .. wrong), "chat")
      assert.equal(422, status)
    end
  end)
end)
