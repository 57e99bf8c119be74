-- SPDX-License-Identifier: MIT
local chat_lines = require "predibase.cli.chat_lines"
local commands = require "predibase.cli.slash_commands"

local function words (line, from)
  return commands.complete(line, from or 1, #line)
end

describe("what Tab completes", function ()
  it("is a command at the beginning of a line", function ()
    assert.same({ "/save", "/system" }, words "/s")
    assert.same({ "/undo" }, words "/un")
    assert.same(commands.names, words "/")
    assert.same({}, words "/x")
  end)

  it("is nothing in a question", function ()
    for line, from in pairs { ["s"] = 1, [""] = 1, ["what is /s"] = 9, [" /s"] = 2,
      ["/system /s"] = 9, ["//s"] = 1 } do
      assert.same({}, words(line, from))
    end
  end)

  it("is a file after the commands that take one", function ()
    assert.same({ "lua/predibase/" }, words("/load lua/pre", 7))
    assert.same({ "lua/predibase/cli/slash_commands.lua" }, words("/save lua/predibase/cli/sla", 7))
    assert.same({}, words("/load lua/nothing/here", 7))
    assert.same({}, words("/load '; echo x; '/", 7))
    for _, name in ipairs(words("/load ", 7)) do assert.is_nil(name:find "^%.") end
  end)

  it("continues after a folder, and ignores errors", function ()
    local complete, appended
    local library = {
      set_options = function () end, add_history = function () end,
      set_complete_function = function (f) complete = f end,
      set_completion_append_character = function (text) appended = text end,
    }
    local outcome = { "a/" }
    chat_lines.editor(library, nil, function () return outcome end)
    assert.same({ "a/" }, complete("a", 1, 1))
    assert.equal("", appended)
    appended, outcome = nil, { "a/", "b/" }
    assert.same({ "a/", "b/" }, complete("", 1, 0))
    assert.is_nil(appended)
    chat_lines.editor(library, nil, function () error "x" end)
    assert.same({}, complete("a", 1, 1))
    library.set_complete_function = nil         -- an old version of the library
    chat_lines.editor(library, nil, function () end)
  end)
end)
