-- SPDX-License-Identifier: MIT
-- Whatever values filters, methods and operators get, a template ends with a text or an error of
-- the template, never with an error of Lua.
local filters = require "predibase.template.jinja.filters"
local jinja = require "predibase.template.jinja"
local methods = require "predibase.template.jinja.methods"
local ordered = require "predibase.template.ordered"

-- Values that are not what most functions want.
local ODD = { "'nan'|float", "-('inf'|float)", "0", "-1", "1.5", "2**53", "''", "'aé'", "[]", "{}",
  "none", "u", "true", "big", "100", "range(3)", "'<b>'|safe", "cycler", "(1, 2)" }

local CONTEXT = { big = assert(ordered.decode "12345678901234567890") }

--- Renders and raises what is no error of the template; says whether there is a text.
local function rendered (source)
  local template = jinja.compile(source, { max_steps = 20000 })
  if not template then return false end
  local ok, text = pcall(template.render, template, CONTEXT)
  assert.is_true(ok, source .. ": " .. tostring(text))
  return text ~= nil
end

--- Renders every source that `write` makes of two odd values, and says how many gave a text.
local function each (write)
  local good = 0
  for _, a in ipairs(ODD) do
    for _, b in ipairs(ODD) do
      if rendered(write("(" .. a .. ")", "(" .. b .. ")")) then good = good + 1 end
    end
  end
  return good
end

local function each_name (list, write)
  local good, names = 0, 0
  for name in pairs(list) do
    names = names + 1
    good = good + each(function (a, b) return write(name, a, b) end)
  end
  assert.is_true(names > 20)
  return good
end

describe("a template", function ()
  it("may give any values to filters", function ()
    assert.is_true(each_name(filters, function (name, a, b)
      return ("{{ %s|%s(%s) }}"):format(a, name, b)
    end) > 1000)
  end)

  it("may give any values to methods of strings", function ()
    assert.is_true(each_name(methods.of.str, function (name, a, b)
      return ("{{ 'a b%%'.%s(%s, %s) }}"):format(name, a, b)
    end) > 100)
  end)

  it("may put any values between operators and into brackets", function ()
    for _, form in ipairs { "A + B", "A - B", "A * B", "A / B", "A // B", "A % B", "A ** B",
      "A ~ B", "A in B", "A < B", "A == B", "A[B]", "A[B:]", "A[::B]", "-A", "range(A, B)",
      "dict(A)",
      "[1].index(A, B)", "{}.get(A, B)" } do
      each(function (a, b) return "{{ " .. form:gsub("[AB]", { A = a, B = b }) .. " }}" end)
    end
    assert.is_true(rendered "{{ 1 + 1 }}")
  end)

  it("may ask for any format of numbers", function ()
    for _, letter in ipairs { "d", "x", "e", "f", "g", "G", "c", "s", "%", "" } do
      for _, size in ipairs { "", ".99", ".100", ".101", ".99999999999999999999", "9999999999",
        "05", "+", ",", "*" } do
        for _, value in ipairs(ODD) do
          local supported = size == "" and (letter == "d" or letter == "s")
          local percent = rendered(("{{ '%%%s%s' %% (%s) }}"):format(size, letter, value))
          local field = rendered(("{{ '{:%s%s}'.format(%s) }}"):format(size, letter, value))
          if not supported and letter ~= "%" then assert.is_false(percent) end
          assert.is_false(field)
        end
      end
    end
    for source, wanted in pairs { ["{{ '%.100g' % 1.0 }}"] = "the format '%.100g' is not supported",
      ["{{ '{:.100e}'.format(1.0) }}"] = "the format '{:.100e}' is not supported",
      ["{{ 1.5|round(1.5) }}"] = "no filter 'round'",
      ["{{ 'a'|center(2.5) }}"] = "no filter 'center'",
      ["{{ 'a'|indent(2.5) }}"] = "an integer" } do
      local text, err = jinja.compile(source)
      if text then text, err = text:render() end
      assert.is_nil(text)
      assert.equal("template", err.kind)
      assert.is_truthy(err.message:find(wanted, 1, true), err.message)
    end
    assert.equal("1 1.0", assert(jinja.compile "{{ '%d %s' % (1.5, 1.0) }}"):render())
  end)
end)
