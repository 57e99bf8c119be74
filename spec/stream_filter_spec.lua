-- SPDX-License-Identifier: MIT
--- Streams with stop sequences and reasoning, read in each way: the fast path of a token in C gives
-- what the way through Lua gives, which a stream with `on_token` takes.
local pipe = require "spec.support.pipe_transport"
local random = require "spec.support.random"
local reasoning = require "predibase.reasoning"
local stops = require "predibase.stop_sequences"
local wire = require "spec.support.wire"

local THINK = { "<think>", "</think>" }

local PIECES = { "<think>", "</think>", "<", "think>", "</thi", "nk>", " ", "\\n", "a", "b ",
  "END", "E", "N", "D", "</s>", "</", "s>", "\240\159\140\158", "", "a longer piece of text" }

local function options_of (rng)
  local options = { max_new_tokens = 100 }
  if rng:int(1, 2) == 1 then
    options.client_stop = rng:pick { { "END" }, { "ND", "</s>", " a" } }
  end
  if rng:int(1, 3) == 1 then options.stop, options.trim_stop = { "</s>", "b " }, true end
  local how = rng:int(1, 3)
  if how == 1 then options.reasoning = THINK end
  if how == 2 then
    options.reasoning = { open = THINK[1], close = THINK[2], begins_inside = true }
  end
  return options
end

--- Makes the body of an answer. Returns it and the text of its tokens. Special tokens have none,
-- except for marks of reasoning that is to be separated.
local function answer_of (rng, separated)
  local out, text = {}, {}
  for i = 1, rng:int(1, 40) do
    local piece = rng:pick(PIECES)
    local special = rng:int(1, 10) == 1
    out[i] = wire.token(piece, { special = special })
    if not special or separated and reasoning.is_mark(separated, piece) then
      text[#text + 1] = (piece:gsub("\\n", "\n"))
    end
  end
  out[#out + 1] = wire.closing("", "")
  return table.concat(out), table.concat(text)
end

local function add (list, text)
  list[#list + 1] = text
end

--- The ways to read a stream to its end. Each returns the tokens and the pieces that it saw.
local WAYS = {
  next = function (stream)
    local tokens = {}
    for token in stream do add(tokens, token.text) end
    return tokens
  end,
  poll = function (stream)
    local tokens = {}
    while true do
      local token, state = stream:poll()
      if not token and state ~= "pending" then return tokens end
      if token then add(tokens, token.text) end
    end
  end,
  texts = function (stream)
    local pieces = {}
    for piece in stream:texts() do
      assert.not_equal("", piece)
      add(pieces, piece)
    end
    return nil, table.concat(pieces)
  end,
  text = function (stream)
    stream:text()
  end,
  several = function (stream)
    for _ = 1, 5 do stream:next() end
    local next_piece = stream:texts()
    for _ = 1, 3 do next_piece() end
    stream:text()
  end,
}

local function read (body, options, way, hook)
  local client = pipe.client { body = body }
  local copy = { on_token = hook }
  for name, value in pairs(options) do copy[name] = value end
  local stream = client:generate_stream("x", copy)
  local tokens, shown = WAYS[way](stream)
  local result = assert(stream:result())
  client:close()
  return { tokens = tokens, shown = shown, text = result.text, reasoning = result.reasoning,
    stop = result.stop_sequence, whole = result.generated_text,
    count = result.usage.completion_tokens }
end

describe("a stream with stop sequences and reasoning", function ()
  for way in pairs(WAYS) do
    it("gives the same on the fast path as through Lua, by " .. way, function ()
      local rng = random.new(#way)
      for _ = 1, 300 do
        local body = answer_of(rng)
        local options = options_of(rng)
        assert.same(read(body, options, way, function () end), read(body, options, way))
      end
    end)
  end

  it("gives what a search of the whole text gives", function ()
    local rng = random.new(5)
    for _ = 1, 500 do
      local options, thoughts = options_of(rng), nil
      local marks = options.reasoning
        and { open = THINK[1], close = THINK[2], begins_inside = options.reasoning.begins_inside }
      local body, text = answer_of(rng, marks)
      local found = read(body, options, "texts")
      if marks then text, thoughts = reasoning.split(text, marks) end
      text = stops.cut(text, options.client_stop, options.trim_stop and options.stop)
      assert.equal(text, found.shown)
      assert.equal(text, found.text)
      if not found.stop then assert.equal(thoughts, found.reasoning) end
    end
  end)
end)
