-- SPDX-License-Identifier: MIT
local base64 = require "predibase.base64"
local errors = require "predibase.errors"
local image = require "predibase.image"
local pipe = require "spec.support.pipe_transport"
local predibase = require "predibase"
local scratch = require "spec.support.scratch"
local wire = require "spec.support.wire"
local wire_chat = require "spec.support.wire_chat"

local PNG = "\137PNG\r\n\26\n" .. "\0\255"

local function refused (message, options)
  local made, err = image.new(options)
  assert.is_nil(made)
  assert.is_true(errors.is(err))
  assert.equal("validation", err.kind)
  assert.equal("request", err.phase)
  assert.is_truthy(err.message:find(message), err.message)
end

local function misused (message, ...)
  local ok, err = pcall(image.new, ...)
  assert.is_false(ok)
  assert.is_truthy(err:find(message, 1, true), err)
end

describe("an image", function ()
  it("is the function predibase.image", function ()
    assert.is_true(image.is(predibase.image { bytes = PNG }))
  end)

  it("has a data URL, and is the text that a prompt takes", function ()
    local made = assert(image.new { bytes = PNG })
    assert.equal("data:image/png;base64," .. base64.encode(PNG), made.url)
    assert.equal("![](" .. made.url .. ")", tostring(made))
    assert.equal(tostring(made) .. "What is this?", made .. "What is this?")
    assert.equal("Look: " .. tostring(made), "Look: " .. made)
    assert.equal(tostring(made) .. tostring(made), made .. made)
  end)

  it("has its type from its first bytes", function ()
    for bytes, kind in pairs {
      [PNG] = "png", ["\255\216\255\224JFIF"] = "jpeg", ["GIF87a"] = "gif", ["GIF89a\0"] = "gif",
      ["RIFF\1\2\0\10WEBPVP8 "] = "webp", ["BM\0\0"] = "bmp",
    } do
      local url = assert(image.new { bytes = bytes }).url
      assert.equal(("data:image/%s;base64,"):format(kind), url:match "^.-,")
      assert.equal(bytes, base64.decode(url:match ",(.*)$"))
    end
  end)

  it("has the type that is given", function ()
    for _, kind in ipairs { "image/svg+xml", "image/x-icon", "image/vnd.ms-photo" } do
      assert.equal("data:" .. kind .. ";base64,PHN2Zz4=",
        assert(image.new { bytes = "<svg>", type = kind }).url)
    end
  end)

  it("is read from a file", function ()
    local dir = scratch.new()
    local path = dir .. "/a.png"
    local file = assert(io.open(path, "wb"))
    file:write(PNG)
    file:close()
    assert.equal(assert(image.new { bytes = PNG }).url, assert(image.new { path = path }).url)
    refused("^the image cannot be read: .*b.png", { path = dir .. "/b.png" })
    refused("^the image cannot be read: ", { path = dir })
    scratch.remove(dir)
  end)

  it("is refused when its type is not known or no media type", function ()
    refused('^the type of the image is not known; give type = "image/…"$', { bytes = "" })
    refused("is not known", { bytes = "GIF88a" })
    for _, kind in ipairs { "", "png", "image/", "image/png;a=b", "text/plain", "image/png\n",
      "image/p)" } do
      refused("^type must be a media type such as image/png, got the string",
        { bytes = PNG, type = kind })
    end
  end)

  it("is refused when no request has space for it", function ()
    refused("has 1572865 bytes, and a request has space for 1572864",
      { bytes = PNG .. ("x"):rep(image.MAX_BYTES - #PNG + 1) })
    local client, network = pipe.client { body = wire_chat.body { wire_chat.message "x" } }
    local largest = assert(image.new { bytes = PNG .. ("x"):rep(image.MAX_BYTES - #PNG) })
    for _, call in ipairs {
      function () return client:chat_completion { { role = "user", content = { largest } } } end,
      function () return client:generate(largest .. "?") end,
    } do
      local result, err = call()
      assert.is_nil(result)
      assert.equal("too_large", err.kind)
    end
    assert.equal(0, #network.requests)
    client:close()
  end)

  it("is misused with other options", function ()
    misused("predibase.image takes a table with path or bytes, got nil")
    misused("predibase.image takes a table with path or bytes, got the string", "a.png")
    misused("predibase.image takes either path or bytes", {})
    misused("predibase.image takes either path or bytes", { path = "a", bytes = "b" })
    misused("predibase.image takes path as a string, got the number 5", { path = 5 })
    misused("predibase.image takes bytes as a string, got a table", { bytes = {} })
    misused("predibase.image takes type as a string, got the boolean true",
      { bytes = PNG, type = true })
    misused('unknown option "byte"; did you mean "bytes"?', { byte = PNG })
  end)

  it("goes into the body of each route", function ()
    local made = assert(image.new { bytes = PNG })
    local client, network = pipe.client {
      { body = wire_chat.body { wire_chat.message "A dot." } },
      { headers = wire.answer_head(), body = '{"generated_text":"A dot."}' } }
    assert(client:chat_completion { { role = "user", content = made } })
    assert.equal('{"model":"","messages":[{"role":"user","content":[{"type":"image_url",'
      .. '"image_url":{"url":"' .. made.url .. '"}}]}]}', network.requests[1].body)
    assert(client:generate(made .. "What is this?"))
    assert.equal('{"inputs":"' .. tostring(made) .. 'What is this?"}', network.requests[2].body)
    client:close()
  end)

  it("is told from other values", function ()
    assert.is_true(image.is(image.new { bytes = PNG }))
    for _, value in ipairs { {}, "x", 1, { url = "data:image/png;base64," } } do
      assert.is_false(image.is(value))
    end
    assert.is_false(image.is(nil))
  end)
end)
