-- SPDX-License-Identifier: MIT
local child = require "spec.support.child"
local lazy = require "predibase.lazy"

--- Runs a program; returns what it printed, with the message of its error.
local function run (program)
  local lua = child.start(child.interpreter(), { args = { "-e", program } })
  lua:wait()
  return lua.stdout .. lua.stderr
end

local NAME = "predibase.spec_of_lazy"

describe("a module that is loaded later", function ()
  local loads

  before_each(function ()
    loads = 0
    package.preload[NAME] = function ()
      loads = loads + 1
      return { double = function (n) return 2 * n end, text = "x" }
    end
  end)

  after_each(function () package.preload[NAME], package.loaded[NAME] = nil, nil end)

  it("is loaded once, by the first use of a field", function ()
    local module = lazy(NAME)
    assert.equal(0, loads)
    assert.equal(6, module.double(3))
    assert.equal("x", module.text)
    assert.is_nil(module.other)
    assert.equal(1, loads)
    assert.equal(package.loaded[NAME], lazy(NAME))
  end)

  it("shows later changes of the module", function ()
    local module = lazy(NAME)
    assert.equal("x", module.text)
    package.loaded[NAME].text = "y"
    assert.equal("y", module.text)
  end)

  it("can be loaded inside a coroutine", function ()
    local module = lazy(NAME)
    assert.equal(4, coroutine.wrap(function ()
      coroutine.yield(module.double(2))
    end)())
  end)

  it("is loaded again when an error ended the loading, on every Lua", function ()
    local fails = true
    local load = package.preload[NAME]
    package.preload[NAME] = function ()
      if fails then error("interrupted!", 0) end
      return load()
    end
    package.preload[NAME .. ".outer"] = function () return require(NAME) end
    local outer = lazy(NAME .. ".outer")
    local ok, message = pcall(function () return outer.text end)
    assert.is_false(ok)
    assert.equal("interrupted!", message)
    fails = false
    assert.equal("x", outer.text)
    package.preload[NAME .. ".outer"], package.loaded[NAME .. ".outer"] = nil, nil
  end)

  it("is loaded again by requirements.load when there was no memory", function ()
    local requirements = require "predibase.requirements"
    local name, fails = "predibase.in_the_spec_of_lazy", true
    package.preload[name] = function ()
      if fails then error("not enough memory", 0) end
      return { _VERSION = require "predibase.version" }
    end
    local ok, message = pcall(requirements.load, name)
    assert.is_false(ok)
    assert.equal("not enough memory", message)
    fails = false
    assert.is_table(requirements.load(name))
    package.preload[name], package.loaded[name] = nil, nil
  end)

  it("is loaded at once inside nginx", function ()
    local before = rawget(_G, "ngx")
    rawset(_G, "ngx", { config = { ngx_lua_version = 10025 } })
    local module = lazy(NAME)
    rawset(_G, "ngx", before)
    assert.equal(1, loads)
    assert.equal(package.loaded[NAME], module)
  end)
end)

describe("require", function ()
  it("of predibase leaves the client to its first use", function ()
    assert.equal("nil\tnil\ntable\n", run [[
      local predibase = require "predibase"
      print(package.loaded["predibase.client"], package.loaded["predibase.stream"])
      assert(predibase.new { base_url = "http://127.0.0.1:9", api_token = false })
      print(type(package.loaded["predibase.client"]))
    ]])
  end)

  it("loads what a call needs, and not what other calls need", function ()
    local unused = run [[
      local client = assert(require "predibase".new { base_url = "http://127.0.0.1:9",
        api_token = false, max_retries = 0 })
      local result, err = client:generate "x"
      assert(not result and err.kind == "connection")
      for _, name in ipairs { "batch", "chat", "chat_completion", "classify", "completion", "embed",
        "json.encode", "loop.tasks", "params.kinds", "parts", "raw_request", "reasoning",
        "response_format", "template", "throttle", "tools" } do
        if package.loaded["predibase." .. name] then print(name) end
      end
    ]]
    assert.equal("", unused)
  end)
end)
