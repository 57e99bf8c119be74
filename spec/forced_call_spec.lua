-- SPDX-License-Identifier: MIT
--- The JSON that LoRAX forces on a model that has tools: whatever the pieces are, the words and the
-- calls are those of the whole text.
local forced_call = require "predibase.forced_call"
local json = require "predibase.json"
local random = require "spec.support.random"

--- Reads pieces. Returns the array of words, and what `finish` returned, with its words among the
-- others; `reader` tells how the text ended.
local function read (pieces)
  local reader, words = forced_call.new(), {}
  for i, piece in ipairs(pieces) do
    words[i] = reader:feed(piece)
    assert.is_string(words[i])
  end
  local last, call, cut = reader:finish()
  words[#words + 1] = last
  return { words = words, text = table.concat(words), call = call, failed = last == nil,
    cut = cut or reader.cut or false }
end

local function bytes_of (text)
  local list = {}
  for i = 1, #text do list[i] = text:sub(i, i) end
  return list
end

--- Checks that a text has the same outcome whole, byte by byte and cut at each place.
local function everywhere (text)
  local whole = read { text }
  local function same (pieces, how)
    local found = read(pieces)
    assert.equal(whole.text, found.text, how)
    assert.same(whole.call, found.call, how)
    assert.equal(whole.failed, found.failed, how)
    assert.equal(whole.cut, found.cut, how)
  end
  same(bytes_of(text), "byte by byte")
  for cut = 0, #text do same({ text:sub(1, cut), text:sub(cut + 1) }, "cut after byte " .. cut) end
  return whole
end

local function no_tool (content)
  return '{"function":{"_name":"no_tool","content":"' .. content .. '"}}'
end

describe("an answer in words", function ()
  local SMILE = "\240\159\152\128"

  local CONTENTS = {
    [""] = "",
    ["It rains."] = "It rains.",
    ['\\" \\\\ \\/ \\b\\f\\n\\r\\t'] = '" \\ / \b\f\n\r\t',
    ["\\\\"] = "\\",
    ["\\\\\\\\\\\""] = '\\\\"',
    ["\\u0041\\u00e9\\u4e2d"] = "Aé中",
    ["\\u0000 \\u007f"] = "\0 \127",
    ["\\ud83d\\ude00"] = SMILE,
    ["a\\uD83D\\uDE00b\\ud83d\\ude00"] = "a" .. SMILE .. "b" .. SMILE,
    ["é中" .. SMILE] = "é中" .. SMILE,
    ["\\\\ud83d"] = "\\ud83d",
    ["}} {\\\"function\\\":1}"] = '}} {"function":1}',
  }

  for content, words in pairs(CONTENTS) do
    it(("is decoded at every cut: %q"):format(content), function ()
      local found = everywhere(no_tool(content))
      assert.equal(words, found.text)
      assert.is_nil(found.call)
      assert.is_false(found.cut)
    end)
  end

  it("may have line ends and tabs in its string, which JSON does not allow", function ()
    assert.equal("a\nb\tc", everywhere(no_tool "a\nb\tc").text)
  end)

  it("has a replacement character for each half of a surrogate pair alone", function ()
    for content, words in pairs {
      ["\\ud83d"] = "\239\191\189", ["\\ude00"] = "\239\191\189",
      ["\\ud83dx"] = "\239\191\189x", ["\\ud83d\\n"] = "\239\191\189\n",
      ["\\ud83d\\u0041"] = "\239\191\189A",
      ["\\ud83d\\ud83d\\ude00"] = "\239\191\189" .. SMILE,
      ["\\ude00\\ud83d"] = "\239\191\189\239\191\189",
    } do
      assert.equal(words, everywhere(no_tool(content)).text, content)
    end
  end)

  it("may have white space wherever JSON allows it", function ()
    local text = ' {\n"function" :\t{ "_name" : "no_tool" , "content" : "Hi" } } \r\n'
    assert.equal("Hi", everywhere(text).text)
  end)

  it("ends at its quotation mark; what follows is not looked at", function ()
    assert.equal("Hi", everywhere(no_tool "Hi" .. no_tool "Ho").text)
    assert.equal("Hi", everywhere('{"function":{"_name":"no_tool","content":"Hi","x":1}}').text)
  end)

  it("comes as soon as it can be known", function ()
    assert.same({ "", "", "It ra", "ins", "", "\n.", "", "", "" }, read({ '{"function":',
      '{"_name":"no_tool"', ',"content":"It ra', "ins", "\\", "n.", '"}', "}" }).words)
  end)

  it("that is cut off has the words so far", function ()
    for cut = #'{"function":{"_name":"no_tool"', #no_tool "ab" - 3 do
      local found = everywhere(no_tool "ab":sub(1, cut))
      assert.is_true(found.cut, cut)
      assert.equal(("ab"):sub(1, math.max(0, cut - #'{"function":{"_name":"no_tool","content":"')),
        found.text)
    end
    assert.equal("a", everywhere(no_tool "a\\ud83d\\ude00":sub(1, -5)).text)
    assert.equal("a", everywhere(no_tool "a\\u00e9":sub(1, -5)).text)
  end)

  it("without a content has not the form that is forced", function ()
    for _, rest in ipairs { "}}", ',"text":"Hi"}}', ',"content":5}}', ',"content":null}}', "x" } do
      local reader = forced_call.new()
      assert.equal("", reader:feed('{"function":{"_name":"no_tool"' .. rest))
      local words, problem, cut = reader:finish()
      assert.is_nil(words)
      assert.equal("the model's answer does not have the form that the server forces: it has no "
        .. "`content`", problem)
      assert.is_false(cut)
    end
  end)

  it("may not have white space without end", function ()
    local reader = forced_call.new()
    reader:feed('{"function":{"_name":"no_tool",' .. (" "):rep(2000))
    assert.is_nil((reader:finish()))
  end)

  it("with an escape that JSON does not have keeps the words before it", function ()
    for _, content in ipairs { "ab\\x", "ab\\u12g4" } do
      local found = everywhere(no_tool(content))
      assert.is_true(found.failed)
      assert.equal("the model's answer does not have the form that the server forces: a string in "
        .. "it is not JSON", found.call)
    end
  end)
end)

describe("a call", function ()
  local function call (text)
    local found = everywhere(text)
    assert.equal("", found.text)
    return found.call
  end

  it("has its name and its arguments as they were written", function ()
    assert.same({ name = "weather", arguments = '{"town":"Oslo","days":[1, 2]}' },
      call '{"function":{"_name":"weather","town":"Oslo","days":[1, 2]}}')
    assert.same({ name = "f", arguments = '{"b":1.0,"a":{"}":"\\u00e9}}"}}' },
      call '{"function":{"_name":"f","b":1.0,"a":{"}":"\\u00e9}}"}}}')
  end)

  it("may have no arguments, and white space", function ()
    assert.same({ name = "time", arguments = "{}" }, call '{"function":{"_name":"time"}}')
    assert.same({ name = "time", arguments = "{}" },
      call ' { "function" : { "_name" : "time" } }\n ')
    assert.same({ name = "f", arguments = '{"a" : 1 }' },
      call '{"function": {"_name": "f" , "a" : 1 } }')
  end)

  it("that is cut off is no call", function ()
    local text = '{"function":{"_name":"f","a":{"b":"}"}}}'
    for cut = #'{"function":{"_name":"f"', #text - 1 do
      local found = everywhere(text:sub(1, cut))
      assert.is_true(found.failed, cut)
      assert.is_true(found.cut)
      assert.equal("the model's call of f is not complete", found.call)
    end
  end)
end)

describe("another text", function ()
  it("is passed on unchanged", function ()
    for _, text in ipairs { "", "Hello", "{", "{}", '{"function":"x"}', '{"functions":{}}', "[1]",
      '{"function":{"name":"weather","arguments":{}}}', '"function"', " \n",
      '{"function":{"_name":5}}', "{" .. (" "):rep(3000) .. '"function":1}', "{" .. (" "):rep(3000),
      '{"function":{"_name":"' .. ("x"):rep(2000) } do
      local found = everywhere(text)
      assert.equal(text, found.text)
      assert.is_nil(found.call)
      assert.is_false(found.failed)
    end
  end)

  it("is passed on as soon as it cannot be a call", function ()
    -- No name is that long, and no server writes that much white space.
    for _, text in ipairs { '{"function":{"_name":"' .. ("x"):rep(2000),
      "{" .. (" "):rep(2000) } do
      assert.same({ text, "" }, read({ text }).words)
    end
    assert.same({ "", '{"functions', '":1', "" }, read({ '{"function', "s", '":1' }).words)
    assert.same({ "Hel", "lo", "" }, read({ "Hel", "lo" }).words)
  end)
end)

describe("random texts at random cuts", function ()
  local ESCAPES = { '\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0000", "\\u001f",
    "\\u00e9", "\\u4e2d", "\\ud83d\\ude00", "\\uD83D\\uDE00", "\\ud83d", "\\ude00", "a", "bc", " ",
    "é", "中", "\240\159\152\128", "}", "{", ",", ":", "[", "'" }

  local function random_text (rng)
    local parts = {}
    for i = 1, rng:int(0, 12) do parts[i] = rng:pick(ESCAPES) end
    return table.concat(parts)
  end

  local function random_pieces (rng, text)
    local pieces, at = {}, 1
    while at <= #text do
      local size = rng:int(0, 6)
      pieces[#pieces + 1] = text:sub(at, at + size - 1)
      at = at + size
    end
    return pieces
  end

  it("have the words that the whole text has", function ()
    local rng = random.new(20261)
    for _ = 1, 3000 do
      local content = random_text(rng)
      local found = read(random_pieces(rng, no_tool(content)))
      assert.equal(json.decode('["' .. content .. '"]')[1], found.text, content)
      assert.is_false(found.failed or found.cut)
    end
  end)

  it("have the arguments that the whole text has", function ()
    local rng = random.new(20262)
    for _ = 1, 2000 do
      local member = '"a":"' .. random_text(rng) .. '"'
      local found = read(random_pieces(rng, '{"function":{"_name":"f",' .. member .. "}}"))
      assert.same({ name = "f", arguments = "{" .. member .. "}" }, found.call)
    end
  end)

  it("raise nothing when they are damaged, and lose nothing in silence", function ()
    local rng = random.new(20263)
    local inserts = { '"', "\\", "{", "}", "\\u", "\\ud83d", '"content":"', '"_name":"', "\0",
      "\255" }
    for _ = 1, 3000 do
      local text = rng:mutate(no_tool(random_text(rng)), inserts)
      local whole, found = read { text }, read(random_pieces(rng, text))
      assert.equal(whole.failed, found.failed, text)
      assert.equal(whole.cut, found.cut, text)
      if not whole.failed then
        assert.equal(whole.text, found.text, text)
        assert.same(whole.call, found.call, text)
      end
    end
  end)
end)
