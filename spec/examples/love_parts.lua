-- SPDX-License-Identifier: MIT
--- The parts of examples/love that draw nothing, by themselves.

package.path = "./examples/love/?.lua;" .. package.path

local dialogue = require "dialogue"
local field = require "field"
local keeper = require "keeper"
local predibase = require "predibase"
local reply = require "reply"
local typewriter = require "typewriter"
local words = require "words"
local wrap = require "scene.wrap"

--- A stream that gives what it was told to, one thing a call.
local function stream_of (list)
  local stream = { closed = 0, i = 0 }
  function stream:poll ()
    self.i = self.i + 1
    local what = list[self.i]
    if what == "pending" then return nil, what end
    if type(what) == "string" then return { text = what } end
    if what and what.kind then return nil, what end
    return what
  end
  function stream:close () self.closed = self.closed + 1 end
  return stream
end

describe("the dialogue", function ()
  local stream, talk, asked

  local function new (list)
    stream = stream_of(list)
    talk = dialogue.new { stop = { "\nYou:" }, ask = function (turns, text)
      asked = { turns = #turns, text = text }
      return stream
    end }
  end

  --- Frames until it is quiet.
  local function play ()
    for _ = 1, 1000 do
      if not talk:busy() then return end
      talk:update(0.1)
    end
    error "it never ends"
  end

  it("thinks until the first word, then speaks, then listens", function ()
    new { "pending", "pending", " Hello", "pending", " there", "\nYou", ":", nil }
    talk:update(0.1)
    assert.equal("listening", talk.state)
    assert.is_true(talk:say "Hi")
    assert.same({ turns = 0, text = "Hi" }, asked)
    assert.is_false(talk:say "Hi again")
    talk:update(0.1)
    assert.equal("thinking", talk.state)
    talk:update(0.1)
    talk:update(0.1)
    assert.equal("speaking", talk.state)
    play()
    assert.equal("Hello there", talk:known())
    assert.equal(#"Hello there", talk:shown())
    assert.equal(1, stream.closed)
    assert.same({ { player = "Hi", character = "Hello there" } }, talk.turns)
  end)

  it("takes a share of a burst in each frame", function ()
    local list = {}
    for i = 1, 500 do list[i] = "x" end
    new(list)
    talk:update(1)
    talk:say "Go"
    talk:update(0)
    assert.equal(32, #talk:known())
    talk:update(0)
    assert.equal(64, #talk:known())
    play()
    assert.equal(500, #talk:known())
  end)

  it("remembers of a cancelled answer what was to be seen", function ()
    new { "one two three", "pending" }
    talk:update(1)
    talk:say "Count"
    talk:update(0.1)
    assert.is_true(talk:cancel())
    assert.is_false(talk:cancel())
    assert.equal(("one two three"):sub(1, talk:shown()), talk:known())
    assert.is_true(talk:shown() > 0 and talk:shown() < 13)
    assert.equal(talk:known(), talk.turns[1].character)
    assert.equal(1, stream.closed)
  end)

  it("does not remember what failed, nor what said nothing", function ()
    new { "one", { kind = "connection", message = "cut" } }
    talk:update(1)
    talk:say "Count"
    play()
    assert.equal("failed", talk.state)
    assert.same({}, talk.turns)
    stream = stream_of {}
    talk:say "Count"
    play()
    assert.equal("listening", talk.state)
    assert.same({}, talk.turns)
  end)
end)

describe("a reply", function ()
  local STOP = { "\nYou:", "</s>" }

  it("never shows what may become a stop sequence, nor half a character", function ()
    local heard = " Tschüß 🌊 <s>\nYou\nYou: and more"
    local before = ""
    for i = 1, #heard do
      local text = reply.sayable(heard:sub(1, i), STOP, false)
      assert.is_nil(text:find("\nYou:", 1, true))
      assert.is_true((require "predibase.utf8".valid(text)))
      assert.equal(before:match "^(.-)%s*$", text:sub(1, #before):match "^(.-)%s*$")
      before = text
    end
    assert.equal("Tschüß 🌊 <s>\nYou", before)
  end)

  it("shows at the end what became none", function ()
    assert.equal("a <", reply.sayable("a </", STOP, false) .. "<")
    assert.equal("a </", reply.sayable("a </", STOP, true))
    assert.equal("a", reply.sayable("a </s>", STOP, true))
    assert.equal("a", reply.sayable("a\n", STOP, true))
    assert.equal("", reply.sayable("</s>", STOP, true))
  end)

  it("replaces what LÖVE would refuse to draw", function ()
    assert.equal("a?b", reply.sayable("a\255b", STOP, false))
    assert.equal("a", reply.sayable("a\240\159", STOP, true))
  end)
end)

describe("the typewriter", function ()
  it("shows whole characters, at a pace, and catches up", function ()
    local letters = typewriter.new()
    letters:set "üüüü"
    letters:update(1 / 42)
    assert.equal(2, letters.shown)
    letters:update(1)
    assert.is_true(letters:done())
    letters:set("üüüü" .. ("x"):rep(1000))
    letters:update(1)
    assert.is_true(letters.shown > 600)
    letters:finish()
    assert.equal(1008, letters.shown)
  end)

  it("takes a breath behind a sentence, not inside a number", function ()
    local function after (text)
      local letters = typewriter.new()
      letters:set(text)
      letters:update(0.2)
      return letters.shown
    end
    assert.is_true(after "a. bcdefgh" < after "a.bcdefgh")
  end)
end)

describe("the field", function ()
  it("is edited by whole characters", function ()
    local input = field.new()
    input:insert "aüb"
    input:move(-1)
    input:backspace()
    assert.equal("ab", input.text)
    input:insert "é"
    input:move(-math.huge)
    input:delete()
    input:delete()
    assert.equal("b", input.text)
    input:backspace()
    input:move(math.huge)
    input:delete()
    input:insert "\n!"
    assert.equal("b !", input.text)
    assert.equal(3, input.cursor)
    input:set "  x "
    assert.equal("x", input:trimmed())
    input:insert(("y"):rep(500))
    assert.equal("  x ", input.text)
  end)
end)

describe("the wrapping", function ()
  local function measure (s) return #s end

  local function lines (text, width)
    local list = {}
    for i, line in ipairs(wrap.lines(text, width, measure)) do
      list[i] = text:sub(line.from, line.to)
    end
    return list
  end

  it("breaks between words, in words that are too long, and at newlines", function ()
    assert.same({ "one two", "three" }, lines("one two three", 8))
    assert.same({ "abcd", "ef gh" }, lines("abcd ef gh", 5))
    assert.same({ "abcde", "f gh" }, lines("abcdef gh", 5))
    assert.same({ "a", "", "b" }, lines("a\n\nb", 5))
    assert.same({ "" }, lines("", 5))
    assert.same({ "a", "ü", "b" }, lines("aüb", 1))
    assert.same({ "a  b" }, lines("a  b  ", 5))
  end)

  it("shows each byte once, whatever the width", function ()
    local text = "The sea is  patient.\nSo äm Í, unbelievably so.\n\n"
    for width = 1, 30 do
      local list = lines(text, width)
      assert.equal((text:gsub("%s", "")), (table.concat(list):gsub("%s", "")))
      for _, line in ipairs(list) do assert.is_true(#line <= math.max(width, 2)) end
    end
  end)
end)

describe("the keeper", function ()
  it("forgets the oldest turns that do not fit", function ()
    local turns = {}
    for i = 1, 100 do turns[i] = { player = "q" .. i, character = ("a"):rep(200) } end
    local prompt = keeper.prompt(turns, "Now?")
    assert.is_truthy(prompt:find("Traveller: q100\n", 1, true))
    assert.is_nil(prompt:find("Traveller: q1\n", 1, true))
    assert.is_true(#prompt < 5000)
    assert.is_truthy(prompt:find "Traveller: Now%?\nMaren:$")
    assert.is_nil(keeper.GREETING:find(keeper.STOP[1], 1, true))
  end)
end)

describe("the words", function ()
  it("are there for an error of the library", function ()
    local client = predibase.new { base_url = "http://127.0.0.1:1", api_token = false }
    local _, err = client:generate("x", { temperature = -1 })
    assert.is_truthy(words.explain(err):find("It says: Input validation error", 1, true))
    assert.equal("Something went wrong: odd", words.explain { kind = "new", message = "odd" })
    client:close()
  end)
end)
