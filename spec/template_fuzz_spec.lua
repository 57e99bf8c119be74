-- SPDX-License-Identifier: MIT
-- Templates put together at random: each is compiled or refused with a place in its text, and
-- rendering never raises and never reads a value twice. Messages that are none: each format
-- refuses them without raising.
local errors = require "predibase.errors"
local json = require "predibase.json"
local random = require "spec.support.random"
local template = require "predibase.template"

local PIECES = { "{", "}", "{{", "}}", "{a}", "{b}", "{a=x}", "{b={{y}}}", "{?a}", "{?b}", "{/a}",
  "{/b}", "{:else}", "\n", "\r\n", " ", "\t", "text", "\195\164", "\255", "\0", "%", "{c" }

-- What no piece of a template can say.
local VALUE = "<{a}{{{?b}}}%1{/a}>"

local function count (text, wanted)
  local n, at = 0, 1
  while true do
    local first, last = text:find(wanted, at, true)
    if not first then return n end
    n, at = n + 1, last + 1
  end
end

local function check_place (text, err)
  assert.is_true(errors.is(err))
  local lines = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  assert.is_string(lines[err.line], text)
  assert.is_true(err.column >= 1 and err.column <= #lines[err.line], text)
end

describe("random templates", function ()
  it("are compiled or refused with a position, and rendered without errors of Lua", function ()
    local source, compiled = random.new(5), 0
    for _ = 1, 4000 do
      local out = {}
      for i = 1, source:int(1, 8) do out[i] = source:pick(PIECES) end
      local text = table.concat(out)
      local t, err = template.new(text)
      if t then
        compiled = compiled + 1
        local values = {}
        for _, name in ipairs(t.variables) do values[name] = VALUE end
        local rendered = assert(t(values))
        assert.is_true(count(rendered, VALUE) <= count(text, "{"), text)
        local nothing = t {}
        if nothing then assert.equal(0, count(nothing, VALUE)) end
      else
        check_place(text, err)
      end
    end
    assert.is_true(compiled > 500)
  end)

  it("are read and rendered when they are long", function ()
    for _, piece in ipairs { "{{", "x", "{a}", "{?a}\n{/a}\n", "{?a}x{/a}", " {a=b}" } do
      local t = assert(template.new(piece:rep(30000)))
      assert.is_string((t { a = #t.variables > 0 and 1 or nil }))
    end
  end)
end)

describe("messages of any kind", function ()
  local ODD = { 1, 0 / 0, true, false, "", "user", "\255\0", json.null, print, {}, { {} },
    { role = "user" }, { role = "user", content = "x" }, { type = "text", text = "x" },
    { text = 1 }, setmetatable({}, { __index = function () error "looked" end }),
    setmetatable({}, { __metatable = "locked" }) }

  local function any_message (source)
    local message = {}
    for _, key in ipairs { "role", "content", "name", "tool_calls", 1 } do
      local dice = source:int(1, 4)
      if dice == 1 then
        message[key] = source:pick(ODD)
      elseif dice == 2 and key == "role" then
        message.role = source:pick { "user", "assistant", "system", "tool", "odd one" }
      elseif dice == 2 and key == "content" then
        message.content = { source:pick(ODD), source:pick(ODD) }
      end
    end
    return message
  end

  it("are written or refused by every format", function ()
    local source = random.new(77)
    for _, name in ipairs(template.formats()) do
      local format = template.chat(name)
      for _ = 1, 60 do
        local messages = {}
        for i = 1, source:int(0, 3) do
          messages[i] = source:int(1, 3) == 1 and source:pick(ODD) or any_message(source)
        end
        local options = { add_generation_prompt = source:int(1, 2) == 1,
          special_tokens_in_text = source:pick { "refuse", "neutralise", "allow" } }
        local text, err = format:render(messages, options)
        assert.is_true(type(text) == "string" or errors.is(err), name)
      end
    end
  end)
end)
