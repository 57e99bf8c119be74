-- SPDX-License-Identifier: MIT

-- once: the stand-in server runs as a process of its own

local classification = require "predibase.mock.classification"
local json = require "predibase.mock.router_json"
local raw = require "spec.support.raw_client"
local server = require "spec.support.server"

describe("predibase.mock.classification", function ()
  after_each(server.stop)

  local function found (text)
    local list = {}
    for i, entity in ipairs(classification.entities(text)) do
      list[i] = entity.entity_group .. " " .. text:sub(entity.start + 1, entity["end"])
      assert.equal(text:sub(entity.start + 1, entity["end"]):lower(), entity.word)
    end
    return list
  end

  it("finds names of persons, places and organisations", function ()
    assert.same({ "PER Ada Lovelace", "LOC London" },
      found "Ada Lovelace was born in London.")
    assert.same({ "ORG Acme Bank", "LOC San Francisco" }, found "Acme Bank is from San Francisco")
    assert.same({ "LOC Köln", "PER Müller" }, found "He left Köln with Dr. Müller.")
    assert.same({ "MISC Quux" }, found "The new Quux is here. Nobody cares.")
    assert.same({}, found "nothing is here")
    assert.same({}, found "")
  end)

  it("gives positions in bytes", function ()
    local entity = classification.entities("é😀 in Köln")[1]
    assert.equal(10, entity.start)
    assert.equal(15, entity["end"])
  end)

  it("answers as the managed service where that is asked for", function ()
    local s = server.listen { classify = "managed" }
    local answer = raw.ask(s, "/classify",
      '{"input":["I love it, thank you","an awful day","x"],"model":"acme/feelings/1"}')
    local value = json.plain((json.read(answer.body)))
    assert.equal("list", value.object)
    assert.equal("acme/feelings/1", value.model)
    local labels = {}
    for i, item in ipairs(value.data) do
      labels[i] = item.label
      assert.equal(i - 1, item.index)
      assert.equal(item.num_classes, #item.probs)
      assert.is_true(math.abs(item.probs[1] + item.probs[2] + item.probs[3] - 1) < 1e-6)
    end
    assert.same({ "positive", "negative", "neutral" }, labels)
    assert.equal(422, raw.ask(s, "/classify", '{"inputs":"x"}').status)
    assert.equal(424, raw.ask(s, "/classify", '{"input":"x","model":"missing/1"}').status)
    assert.equal(404, raw.ask(s, "/classify_batch", '{"inputs":["x"]}').status)
  end)
end)
