-- SPDX-License-Identifier: MIT
local response = require "predibase.response"

local WHOLE = '  [{"generated_text":"a \\"quoted\\" [text] {with} \\\\",'
  .. '"details":{"tokens":[1,[2]]}}]'

local function failure(body, headers, status)
  return response.truncation { status = status or 200, headers = headers or {}, body = body }
end

describe("response.truncation", function ()
  it("takes each beginning of an answer for one that was cut off", function ()
    for n = 3, #WHOLE - 1 do
      assert.is_table(failure(WHOLE:sub(1, n)), WHOLE:sub(1, n))
    end
    assert.is_nil(failure(WHOLE))
    assert.is_nil(failure(WHOLE .. "x"))
  end)

  it("takes nothing else for one", function ()
    for _, text in ipairs { "", " ", "null", "12", '"a', "<html>{", "data: {", "]{", "\0{" } do
      assert.is_nil(failure(text), text)
    end
  end)

  it("is a lost connection, and may be tried again", function ()
    local found = failure '{"generated_text":"a'
    assert.equal("connection", found.kind)
    assert.equal("body", found.phase)
    assert.is_true(found.sent)
  end)

  it("goes by what HTTP says where it says something", function ()
    assert.is_nil(failure("{", { ["content-length"] = "1" }))
    assert.is_nil(failure("{", { ["transfer-encoding"] = "chunked" }))
    assert.is_nil(failure("{", {}, 500))
    assert.is_nil(failure("{", {}, 204))
  end)

  it("takes an empty body for one where JSON was announced", function ()
    assert.is_table(failure("", { ["content-type"] = "application/json; charset=utf-8" }))
    assert.is_nil(failure("", { ["content-type"] = "text/plain" }))
    assert.is_nil(failure("", {}))
  end)
end)
