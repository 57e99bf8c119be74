-- SPDX-License-Identifier: MIT
-- once: the commands run as processes of their own
local child = require "spec.support.child"
local command_line = require "predibase.cli.command_line"
local manual = require "predibase.cli.command_line.manual"
local scratch = require "spec.support.scratch"
local shared_options = require "predibase.cli.command_line.shared_options"

local NAMES = { "generate", "chat", "batch", "batch-merge", "embed", "classify", "tokenize", "info",
  "health", "metrics", "request", "doctor", "mock" }

local function file (folder, name, text)
  scratch.write(folder .. "/" .. name, text)
  return folder .. "/" .. name
end

-- Returns the words after "predibase" of a command line, up to the first operator of the shell.
local function words_of (line)
  local words, rest = {}, line:gsub("\\\n%s*", "") .. " "
  rest = rest:match "^.-predibase (.*)$"
  while true do
    rest = rest:gsub("^%s+", "")
    if rest == "" or rest:find "^[|<>&;]" then return words end
    local word = ""
    repeat
      local quoted = rest:match '^"([^"]*)"'
      local piece = quoted or rest:match '^[^%s";]+' or ""
      word = word .. piece
      rest = rest:sub(#piece + (quoted and 2 or 0) + 1)
    until rest:find "^[%s;]"
    words[#words + 1] = word
  end
end

-- The elements of a command by name: options, and arguments without dashes.
local function elements_of (command)
  local elements = {}
  for _, option in ipairs(command._options) do
    for _, name in ipairs(option._aliases) do elements[name] = option end
  end
  for _, argument in ipairs(command._arguments) do elements[argument._name] = argument end
  return elements
end

local function commands ()
  local list = {}
  for _, command in ipairs(command_line.parser()._commands) do list[command._name] = command end
  return list
end

describe("the manual", function ()
  it("has examples for each command, which the command understands", function ()
    local count = 0
    for _, name in ipairs(NAMES) do
      assert.is_truthy(manual.EXAMPLES[name], name)
      for _, pair in ipairs(manual.EXAMPLES[name]) do
        -- Several commands stand in several lines.
        for line in (pair[2]:gsub("\\\n%s*", "") .. "\n"):gmatch "([^\n]*)\n" do
          local words = words_of(line)
          local arguments = command_line.parse(words)
          assert.equal(words[2] == "merge" and "batch-merge" or words[1], arguments.command, line)
          count = count + 1
        end
      end
    end
    assert.is_true(count >= 18)
  end)

  it("shows the examples and the exit codes in the help", function ()
    for _, name in ipairs(NAMES) do
      local words = name == "batch-merge" and { "batch", "merge", "--help" } or { name, "--help" }
      local help = command_line.parse(words).text
      for _, pair in ipairs(manual.EXAMPLES[name]) do
        assert.is_truthy(help:find(pair[2]:match "^[^\n]+", 1, true), name)
      end
      assert.is_truthy(help:find("Exit codes:\n    0  success", 1, true))
    end
  end)

  it("explains each variable that the program reads", function ()
    local known = {}
    for _, list in ipairs { manual.SERVICE, manual.SHARDS, manual.MOCK, { manual.HISTORY } } do
      for _, pair in ipairs(list) do known[pair[1]] = pair[2] end
    end
    local source = assert(io.popen("cat $(find lua -name '*.lua')")):read "*a"
    local count = 0
    for name in source:gmatch "[\"'](PREDIBASE_[%u_]+)[\"']" do
      assert.is_truthy(known[name], name)
      count = count + 1
    end
    assert.is_true(count >= 7)
  end)

  it("gives no option twice, and each exclusive pair is known to a command", function ()
    local list = commands()
    for _, pair in ipairs(shared_options.EXCLUSIVE) do
      local users = 0
      for _, command in pairs(list) do
        local elements = elements_of(command)
        if elements[pair[1][1]] and elements[pair[2][1]] then users = users + 1 end
      end
      assert.is_true(users > 0, pair[1][1])
    end
  end)
end)

describe("options that exclude each other", function ()
  -- Returns the words for an element of a command, with a value that is good enough for the check.
  local function words_for (name, element, folder)
    if element._maxargs == 0 then return { name } end
    local value = file(folder, "value", "{}")
    if name:find "^%-%-" then
      if name == "--sample" or name == "--limit" then value = "3" end
      if name == "--proxy" then value = "http://127.0.0.1:1" end
      if name == "--response-format" then value = "{}" end
      if name == "--system" or name == "--prompt-template" then value = "x" end
      return { name, value }
    end
    return { "text" }
  end

  -- Runs a command with two options or arguments, and checks that it refuses them.
  local function check (name, elements, pair, folder)
    local args = { "bin/predibase", name, "--base-url", "http://127.0.0.1:1" }
    for _, one in ipairs(pair) do
      for _, word in ipairs(words_for(one, elements[one], folder)) do args[#args + 1] = word end
    end
    if name == "batch" then args[#args + 1] = file(folder, "rows.txt", "a row\n") end
    if name == "request" then args[#args + 1], args[#args + 2] = "GET", "/info" end
    local program = child.start(child.interpreter(), { args = args })
    local code = program:wait()
    local what = table.concat(args, " ") .. ": " .. program.stderr
    assert.is_truthy(program.stderr:find("cannot be combined", 1, true), what)
    assert.is_true(code == 64 or code == 2, what)
  end

  it("are refused by each command that has both", function ()
    local folder, count = scratch.new(), 0
    for name, command in pairs(commands()) do
      local elements = elements_of(command)
      for _, pair in ipairs(shared_options.EXCLUSIVE) do
        for _, first in ipairs(pair[1]) do
          for _, second in ipairs(pair[2]) do
            if elements[first] and elements[second] then
              check(name, elements, { first, second }, folder)
              count = count + 1
            end
          end
        end
      end
    end
    scratch.remove(folder)
    assert.is_true(count > 20)
  end)
end)
