-- SPDX-License-Identifier: MIT

local classification = require "predibase.mock.classification"

describe("predibase.mock.classification", function ()
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
end)
