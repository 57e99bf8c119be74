-- SPDX-License-Identifier: MIT
-- Hooks that do what a hook should rather not, over real connections: every hook of a call that is
-- refused once and then served.
local faults = require "spec.support.faults"
local secrecy = require "spec.support.secrecy"
local wire = require "spec.support.wire"

local HOOKS = { "on_request", "on_response", "on_retry", "on_token" }

local REFUSALS = {
  generate = faults.status("429 Too Many Requests",
    wire.error_json("Model is overloaded", "overloaded"), "content-type: application/json"),
  stream = faults.sized("stream", wire.error("Model is overloaded", "overloaded")),
}

local function other (way)
  if way.method == "generate" then return { method = "stream", read = "next" } end
  return { method = "generate" }
end

describe("A hook that", function ()
  local rig = faults.rig()
  setup(function () rig:start() end)
  teardown(function () rig:stop() end)

  local function serve (way)
    rig.server:script(faults.PATHS[way.method], { { raw = { { send = REFUSALS[way.method] } } },
      { raw = { { send = faults.sized(way.method) } } } })
    local second = other(way)
    rig.server:script(faults.PATHS[second.method],
      { raw = { { send = faults.sized(second.method) } } })
    return faults.client(rig.url)
  end

  --- Calls `it` for every hook of every way to make a call.
  local function each (what, test)
    for _, way in ipairs(faults.ways {}) do
      for _, hook in ipairs(HOOKS) do
        if hook ~= "on_token" or way.method == "stream" then
          it(("%s does no harm (%s, %s)"):format(what, hook, way.name), function ()
            test(serve(way), way, hook)
          end)
        end
      end
    end
  end

  each("raises an error", function (client, way, hook)
    local ran = 0
    local options = { max_retries = 2, [hook] = function ()
      ran = ran + 1
      error({ "mine" }, 0)
    end }
    local stream
    local ok, err = pcall(function ()
      if way.method == "generate" then return client:generate(faults.PROMPT, options) end
      stream = client:generate_stream(faults.PROMPT, options)
      repeat local token, why = stream[way.read](stream)
      until not token and why ~= "pending"
    end)
    assert.is_false(ok)
    assert.same({ "mine" }, err)
    assert.equal(1, ran)
    if stream then stream:close() end
    rig:check_recovery(client, way)
  end)

  each("collects garbage", function (client, way, hook)
    local ran = 0
    local found = faults.call(client, way, { max_retries = 2, [hook] = function (info)
      ran = ran + 1
      assert.is_nil(secrecy.find(info))
      collectgarbage()
      collectgarbage()
    end })
    faults.check(found, { text = faults.TEXT, attempts = 2 }, way)
    assert.is_true(ran > 0)
    rig:check_recovery(client, way)
  end)

  each("makes a call of its own on the same client", function (client, way, hook)
    local second, ran = other(way), 0
    local found = faults.call(client, way, { max_retries = 2, [hook] = function ()
      ran = ran + 1
      faults.check(faults.call(client, second), faults.GOOD, second)
    end })
    faults.check(found, { text = faults.TEXT, attempts = 2 }, way)
    assert.is_true(ran > 0)
    rig:check_recovery(client, way)
  end)

  each("closes the client", function (client, way, hook)
    local found = faults.call(client, way, { max_retries = 2, [hook] = function ()
      client:close()
    end })
    faults.check(found, { any = true }, way)
    if found.err then
      local kind = found.err.kind
      assert.is_true(kind == "cancelled" or kind == "overloaded", kind)
    end
    assert.has_error(function () client:generate(faults.PROMPT) end)
    faults.check_idle(client)
    rig:check_closed()
  end)

  for _, hook in ipairs(HOOKS) do
    it(("closes its stream ends it (%s)"):format(hook), function ()
      local way = { method = "stream", read = "next" }
      local client, stream = serve(way), nil
      stream = client:generate_stream(faults.PROMPT, { max_retries = 2, [hook] = function ()
        stream:close()
      end })
      local tokens = 0
      local token, err
      repeat
        token, err = stream:next()
        if token then tokens = tokens + 1 end
      until not token
      assert.equal("cancelled", err.kind)
      assert.equal(hook == "on_token" and 1 or 0, tokens)
      assert.equal(tokens, err.tokens)
      rig:check_recovery(client, way)
    end)
  end
end)
