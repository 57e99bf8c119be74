-- SPDX-License-Identifier: MIT
local response = require "predibase.response"

local WHOLE = '  [{"generated_text":"a \\"quoted\\" [text] {with} \\\\",'
  .. '"details":{"tokens":[1,[2]]}}]'

local function failure (body, headers, status)
  return response.truncation { status = status or 200, headers = headers or {}, body = body }
end

describe("response.truncation", function ()
  it("recognises each beginning of an answer as cut off", function ()
    for n = 3, #WHOLE - 1 do
      assert.is_table(failure(WHOLE:sub(1, n)), WHOLE:sub(1, n))
    end
    assert.is_nil(failure(WHOLE))
    assert.is_nil(failure(WHOLE .. "x"))
  end)

  it("recognises nothing else as cut off", function ()
    for _, text in ipairs { "", " ", "null", "12", '"a', "<html>{", "data: {", "]{", "\0{" } do
      assert.is_nil(failure(text), text)
    end
  end)

  it("is a connection error that is retryable", function ()
    local found = failure '{"generated_text":"a'
    assert.equal("connection", found.kind)
    assert.equal("body", found.phase)
    assert.is_true(found.sent)
  end)

  it("does not guess when HTTP itself shows the end of the body", function ()
    assert.is_nil(failure("{", { ["content-length"] = "1" }))
    assert.is_nil(failure("{", { ["transfer-encoding"] = "chunked" }))
    assert.is_nil(failure("{", {}, 500))
    assert.is_nil(failure("{", {}, 204))
  end)

  it("recognises an empty body as cut off when its type is JSON", function ()
    assert.is_table(failure("", { ["content-type"] = "application/json; charset=utf-8" }))
    assert.is_nil(failure("", { ["content-type"] = "text/plain" }))
    assert.is_nil(failure("", {}))
  end)
end)
