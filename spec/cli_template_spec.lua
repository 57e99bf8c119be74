-- SPDX-License-Identifier: MIT
-- once: the command runs as a process of its own
--- `--template`, `--var`, `--trim-stop`, `--client-stop`.
local failures = require "predibase.cli.failures"
local inputs = require "predibase.cli.inputs"
local command_line = require "predibase.cli.command_line"

local function parse (...)
  return command_line.parse { "generate", ... }
end

local function usage (...)
  local arguments = parse(...)
  local ok, err = pcall(inputs.prompt, arguments)
  assert.is_false(ok)
  assert.equal(failures.USAGE, failures.exit_code(err))
  return err.message
end

describe("a template on the command line", function ()
  local path, other

  local function write (name, text)
    local file = assert(io.open(name, "wb"))
    file:write(text)
    file:close()
  end

  before_each(function ()
    path, other = os.tmpname(), os.tmpname()
    write(path, "\239\187\191### {instruction}\n{?input}\n{input}\n{/input}\n{{x}} {a.b=2}\n")
  end)

  after_each(function ()
    os.remove(path)
    os.remove(other)
  end)

  it("is filled in", function ()
    assert.equal("### Sing.\n{x} 2", inputs.prompt(parse("--template", path,
      "--var", "instruction=Sing.")))
    assert.equal("### a=b {c}\n@x\n{x} 3", inputs.prompt(parse("--template", path,
      "--var", "instruction=a=b {c}", "--var=input= @x", "--var", "a.b=3")):gsub("\n @x", "\n@x"))
  end)

  it("takes values from files, without their last line end", function ()
    write(other, "two\nlines\n")
    assert.equal("### two\nlines\n{x} 2", inputs.prompt(parse("--template", path,
      "--var", "instruction=@" .. other)))
  end)

  it("takes values that begin with a dash, or with an @ that is written twice", function ()
    write(path, "{a}|{b}")
    assert.equal("- x|@y", inputs.prompt(parse("--template", path, "--var", "a=- x",
      "--var", "b=@@y")))
    assert.equal("@@z", inputs.text "@@@z")
  end)

  it("fails with the kind template when values or its text are wrong", function ()
    local prompt, err = inputs.prompt(parse("--template", path, "--var", "instuction=x"))
    assert.is_nil(prompt)
    assert.equal(11, failures.exit_code(err))
    assert.is_truthy(err.message:find('did you mean "instruction"', 1, true))
    write(path, "a {b")
    prompt, err = inputs.prompt(parse("--template", path))
    assert.is_nil(prompt)
    assert.equal("template", err.kind)
  end)

  it("cannot be combined with other prompts", function ()
    assert.is_truthy(usage("--template", path, "text"):find("--template", 1, true))
    assert.is_truthy(usage("--template", path, "--file", path):find("--template", 1, true))
    assert.is_truthy(usage("--var", "a=1", "text"):find("--template", 1, true))
    assert.is_truthy(usage("--template", path, "--var", "a"):find("NAME=VALUE", 1, true))
    assert.is_truthy(usage("--template", path, "--var", "a=1", "--var", "a=2"):find("'a' twice"))
    assert.is_truthy(usage("--template", "/nonexistent"):find("/nonexistent", 1, true))
    assert.is_truthy(usage("--template", path, "--var", "a=@/nonexistent"):find("No such", 1, true))
  end)
end)

describe("the cuts of the command line", function ()
  it("are options of the call", function ()
    local parameters = inputs.parameters(parse("--trim-stop", "--client-stop", "a",
      "--client-stop", "\n", "x"))
    assert.is_true(parameters.trim_stop)
    assert.same({ "a", "\n" }, parameters.client_stop)
    parameters = inputs.parameters(parse "x")
    assert.is_nil(parameters.trim_stop)
    assert.is_nil(parameters.client_stop)
  end)
end)
