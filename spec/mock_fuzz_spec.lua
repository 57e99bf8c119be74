-- SPDX-License-Identifier: MIT
-- once: the stand-in server runs as a process of its own
-- Requests with random damage: the server may refuse them, but must not fail, hang or stop.

local model = require "predibase.mock.model"
local raw = require "spec.support.raw_client"
local server = require "spec.support.server"

local BODY = '{"inputs":"Hello \\u00e9 🙂","parameters":{"max_new_tokens":4,"temperature":0.7,'
  .. '"top_p":0.9,"seed":1,"stop":["x"],"details":true,"adapter_id":"a/b/1","best_of":1,'
  .. '"response_format":{"type":"json_object","schema":{"type":"object","properties":'
  .. '{"a":{"type":"string"},"b":{"type":"integer","minimum":1}}}}}}'

local CHAT = '{"model":"a/1","messages":[{"role":"user","content":[{"type":"text",'
  .. '"text":"in Oslo"},{"type":"image_url","image_url":{"url":"data:x"}}]},'
  .. '{"role":"assistant","content":"{\\"function\\":{\\"_name\\":\\"f\\"}}"},'
  .. '{"role":"user","content":"x"}],"max_tokens":50,'
  .. '"n":1,"seed":1,"stop":["x"],"tools":[{"type":"function","function":{"name":"f","parameters":'
  .. '{"type":"object","properties":{"a":{"type":"string"},"b":{"enum":["x",1]}}}}}],'
  .. '"tool_choice":"auto","temperature":0.5}'

-- The bodies of other routes, by path.
local OTHERS = {
  ["/v1/chat/completions"] = CHAT,
  ["/v1/completions"] = '{"model":"","prompt":"Hi","max_tokens":4,"n":1,"best_of":1,"echo":true}',
  ["/v1/embeddings"] = '{"model":"m","input":["a","Hello \\u00e9"],"encoding_format":"base64",'
    .. '"dimensions":4,"parameters":{"adapter_id":"a/1"}}',
  ["/embed"] = '{"inputs":"Hello","parameters":{"adapter_id":"a/1"}}',
  ["/classify"] = '{"inputs":"Ada Lovelace in London","input":["bad",""],"model":"m"}',
  ["/classify_batch"] = '{"inputs":["San Francisco","Dr. X"]}',
  ["/tokenize"] = '{"inputs":"Hello","add_special_tokens":true}',
}

local PIECES = {
  "\0", "\r\n", "\n", "{", "}", "[", '"', ",", ":", "-1", "1e999", "null", "\255", "\\ud800", " ",
  "99999999999999999999", "true", "/~delay=", "/~raw=%", "%", "chunked", "HTTP/1.1", "\r\n\r\n",
}

local function damage (bytes, number)
  for _ = 1, math.floor(number() * 3) + 1 do
    local at = math.floor(number() * #bytes) + 1
    local piece = PIECES[math.floor(number() * #PIECES) + 1]
    local cut = math.floor(number() * 4)
    bytes = bytes:sub(1, at - 1) .. piece .. bytes:sub(at + cut)
  end
  return bytes
end

describe("predibase.mock under damaged requests", function ()
  after_each(server.stop)

  it("answers or closes, and goes on serving", function ()
    local s = server.listen()
    for seed = 1, 400 do
      local number = model.random(tostring(seed))
      local path = seed % 2 == 0 and "/generate" or "/generate_stream"
      local bytes = damage(raw.request(path, BODY, "connection: close\r\n"), number)
      local client = raw.connect(s):send(bytes)
      -- a request that the damage made incomplete gets no answer
      server.run_until(function () return client.ended or client.failure end, 0.02)
      client:close()
    end
    assert.same({}, s.failures)
    assert.equal(200, raw.ask(s, "/generate", BODY).status)
  end)

  it("reads damaged bodies of the right length without internal errors", function ()
    local s = server.listen()
    local client = raw.connect(s)
    for seed = 1, 600 do
      client:post("/generate", damage(BODY, model.random(tostring(seed))))
      local status = client:answer().status
      assert.is_truthy(({ [200] = 1, [400] = 1, [422] = 1, [424] = 1 })[status], status)
    end
    assert.same({}, s.failures)
    client:close()
  end)

  for _, options in ipairs { {}, { server = "openai" }, { classify = "managed" } } do
    it("reads damaged bodies of every route, with other options too", function ()
      local s = server.listen(options)
      local client = raw.connect(s)
      local statuses, paths = {}, {}
      for path in pairs(OTHERS) do paths[#paths + 1] = path end
      table.sort(paths)
      for seed = 1, 700 do
        local path = paths[seed % #paths + 1]
        local body = OTHERS[path]
        client:post(path, damage(body, model.random(tostring(seed))))
        local status = client:answer().status
        statuses[status] = true
        assert.is_true(status < 500, path .. " " .. status)
      end
      assert.is_true(statuses[200] and (statuses[422] or statuses[400]))
      assert.same({}, s.failures)
      client:close()
    end)
  end
end)
