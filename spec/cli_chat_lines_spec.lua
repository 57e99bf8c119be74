-- SPDX-License-Identifier: MIT
local chat_lines = require "predibase.cli.chat_lines"

local function texts_of (typed)
  local list, at, asked = {}, 0, {}
  local next_text = chat_lines.texts(function (goes_on)
    at = at + 1
    asked[at] = goes_on
    return typed[at]
  end)
  for text, plain in next_text do list[#list + 1] = { text, plain } end
  return list, asked
end

describe("what is typed", function ()
  it("is one text per line", function ()
    assert.same({ { "a", true }, { "", true }, { " b ", true } }, (texts_of { "a", "", " b " }))
  end)

  it("continues after a backslash", function ()
    local list, asked = texts_of { "a\\", "b\\", "", "c" }
    assert.same({ { "a\nb\n", false }, { "c", true } }, list)
    assert.same({ false, true, true, false, false }, asked)
  end)

  it("has several lines between three quotation marks", function ()
    assert.same({ { "a\n/b\\\n c", false }, { "d", true } },
      (texts_of { '"""', "a", "/b\\", " c", '"""', "d" }))
    assert.same({ { "one", false }, { "two\nthree", false }, { "", false } },
      (texts_of { '"""one"""', '  """two', 'three"""', '"""', '"""' }))
  end)

  it("keeps text after the closing quotation marks", function ()
    assert.same({ { "one two", false }, { "a\nb", false }, { "c\nd e", false },
      { "f\ng", false } }, (texts_of { '"""one""" two', '"""a', 'b"""  ', '"""', "c", 'd""" e',
      '"""f', '""" g' }))
  end)

  it("ends where the input ends", function ()
    assert.same({ { "a\n", false } }, (texts_of { "a\\", "" }))
    assert.same({ { "a", false } }, (texts_of { "a\\" }))
    assert.same({ { "a", false } }, (texts_of { '"""', "a" }))
  end)
end)

describe("the history of what is typed", function ()
  local path

  before_each(function () path = os.tmpname() end)
  after_each(function () os.remove(path) end)

  -- The functions of lua-readline that are used.
  local function library (typed)
    local fake, at = { known = {}, prompts = {} }, 0
    function fake.set_options (options) fake.options = options end
    function fake.add_history (line) fake.known[#fake.known + 1] = line end
    function fake.readline (prompt)
      at = at + 1
      fake.prompts[at] = prompt
      return typed[at]
    end
    return fake
  end

  it("is in a file that only its owner can read", function ()
    os.remove(path)
    path = path .. "'; exit 1; '"
    chat_lines.editor(library { "a secret" }, path)("> ")
    local ls = assert(io.popen('ls -l "' .. path .. '"'))
    local shown = ls:read "*a"
    ls:close()
    assert.equal("-rw-------", shown:sub(1, 10))
    assert.equal("a secret", io.lines(path)())
  end)

  it("is written line by line, without repetitions and empty lines", function ()
    local fake = library { "one", "one", "", "two" }
    local read = chat_lines.editor(fake, path)
    local got = {}
    for line in function () return read "> " end do got[#got + 1] = line end
    assert.same({ "one", "one", "", "two" }, got)
    assert.same({ "one", "two" }, fake.known)
    assert.equal("", fake.options.histfile)
    local again = library {}
    chat_lines.editor(again, path)
    assert.same({ "one", "two" }, again.known)
  end)

  it("keeps the last lines of a long file", function ()
    local file = assert(io.open(path, "w"))
    for i = 1, 2 * chat_lines.KEPT + 1 do file:write("line ", i, "\n") end
    file:close()
    local fake = library {}
    chat_lines.editor(fake, path)
    assert.equal(chat_lines.KEPT, #fake.known)
    assert.equal("line " .. 2 * chat_lines.KEPT + 1, fake.known[chat_lines.KEPT])
    local n = 0
    for _ in io.lines(path) do n = n + 1 end
    assert.equal(chat_lines.KEPT, n)
  end)

  it("works without a file", function ()
    local fake = library { "one" }
    assert.equal("one", chat_lines.editor(fake, nil) "> ")
    assert.equal("one", chat_lines.editor(library { "one" }, "/nonexistent/file") "> ")
    assert.same({ "> " }, fake.prompts)
  end)

  it("is in the home folder by default", function ()
    local function path_with (variables)
      return chat_lines.history_path(function (name) return variables[name] end)
    end
    assert.equal("/home/a/.predibase_history", path_with { HOME = "/home/a" })
    assert.equal("/x", path_with { HOME = "/home/a", PREDIBASE_HISTORY = "/x" })
    assert.is_nil(path_with { HOME = "/home/a", PREDIBASE_HISTORY = "" })
    assert.is_nil(path_with {})
  end)
end)
