-- SPDX-License-Identifier: MIT
-- What `predibase generate` loads. Parsing Lua is most of the time of its start, so the number of
-- modules and the size of their code are limited; neither depends on the speed of the machine.
local child = require "spec.support.child"
local scripted = require "spec.support.scripted"

-- With a little room for changes. Raise these only for what the command cannot do without.
local MOST_MODULES, MOST_BYTES = 46, 197000

-- Runs the command in a child, and then prints each module of the library that it has loaded.
local PROGRAM = [[
  local code = require "predibase.cli".main { %s }
  assert(code == 0, code)
  print()
  for name in pairs(package.loaded) do
    if name:find "^predibase" or name == "argparse" then print(name) end
  end]]

--- Returns the text that the command printed, and the array of the modules.
local function loaded_by (...)
  local server = scripted.listen(function (connection)
    connection:send(scripted.STREAM .. scripted.token("one") .. scripted.last(" two", "one two"))
    connection:close()
  end)
  local words = { '"generate", "--no-token", "--base-url"', ("%q"):format(server.url) }
  for _, word in ipairs { ... } do words[#words + 1] = ("%q"):format(word) end
  local lua = child.start(child.interpreter(), {
    args = { "-e", PROGRAM:format(table.concat(words, ", ")) } })
  local code = lua:wait()
  server:close()
  assert.equal(0, code, lua.stderr)
  local answer, rest = lua.stdout:match "^(.-)\n(.*)$"
  local list = {}
  for name in rest:gmatch "[^\n]+" do list[#list + 1] = name end
  return answer, list
end

--- Returns the bytes of the lines of a Lua file that are not comments; 0 for a C module.
local function code_of (name)
  local file = io.open("lua/" .. name:gsub("%.", "/") .. ".lua", "rb")
    or io.open("lua/" .. name:gsub("%.", "/") .. "/init.lua", "rb")
  if not file then return 0 end
  local bytes = 0
  for line in file:lines() do
    if not line:find "^%s*%-%-" then bytes = bytes + #line:gsub("^%s+", "") + 1 end
  end
  file:close()
  return bytes
end

describe("predibase generate", function ()
  it("loads little, with options or without", function ()
    for _, words in ipairs {
      { "water" }, { "--top-k", "3", "--stop=x", "--timeout", "9", "water" },
    } do
      local answer, list = loaded_by((rawget(table, "unpack") or rawget(_G, "unpack"))(words))
      assert.equal("one two", answer)
      local bytes = 0
      for _, name in ipairs(list) do bytes = bytes + code_of(name) end
      local plain = #words == 1
      assert.is_true(#list <= (plain and MOST_MODULES or MOST_MODULES + 3), #list .. " modules: "
        .. table.concat(list, " "))
      assert.is_true(bytes > 50000 and bytes <= (plain and MOST_BYTES or MOST_BYTES + 20000),
        bytes .. " bytes of code")
    end
  end)

  it("does not load what only failures, other commands or other options need", function ()
    local _, list = loaded_by "water"
    local loaded = {}
    for _, name in ipairs(list) do loaded[name] = true end
    assert.is_true(loaded["predibase.client"])
    for _, name in ipairs { "argparse", "predibase.cli.command_line.all_commands",
      "predibase.cli.failures", "predibase.cli.wording", "predibase.errors.safe_text",
      "predibase.params.kinds", "predibase.requirements.advice",
      "predibase.requirements.libcurl_file", "predibase.response.bad_response", "predibase.retry",
      "predibase.stream.answer_filter", "predibase.stream.endings",
      "predibase.transport.curl.failure" } do
      assert.is_nil(loaded[name], name)
    end
  end)
end)
