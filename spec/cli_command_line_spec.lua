-- SPDX-License-Identifier: MIT
local failures = require "predibase.cli.failures"
local params = require "predibase.params"
local command_line = require "predibase.cli.command_line"

local function refusal (...)
  local ok, err = pcall(command_line.parse, { ... })
  assert.is_false(ok)
  assert.equal(failures.USAGE, failures.exit_code(err))
  return err.message .. "\n" .. (err.hint or "")
end

-- The lines that are parsed without argparse, see `predibase.cli.command_line.plain_line`.
describe("a plain line", function ()
  local all_commands = require "predibase.cli.command_line.all_commands"
  local generate_options = require "predibase.cli.command_line.generate_options"
  local plain_line = require "predibase.cli.command_line.plain_line"
  local random = require "spec.support.random"

  local function plain (line)
    return plain_line.parse(generate_options.add, line)
  end

  it("is parsed without argparse", function ()
    for _, line in ipairs { { "generate" }, { "generate", "hi" }, { "generate", "-" },
      { "generate", "--json", "--top-k", "3", "hi" }, { "generate", "--top-k=3", "--", "-n" },
      { "generate", "hi", "--stop", "a", "--stop=b", "--header", "A: b" },
      { "generate", "--seed", "18446744073709551615", "--timeout", ".5", "" } } do
      assert.same(all_commands.parse(line), plain(line), table.concat(line, " "))
    end
  end)

  it("is every line whose result is the same as that of argparse, and no other", function ()
    local words = { "hi", "two words", "-", "--", "---", "-1", "- a", "-n", "-h", "--help", "", "=",
      "--json", "--json=x", "--stats", "--no-stream", "--stop", "--stop=a", "--stop=", "--header",
      "--top-k", "--top-k=3", "--top-k=x", "3", "1e3", "--seed", "--timeout", "--temperature=0",
      "--token-file", "--token=x", "--unknown", "--unknown=x", "--trim-stop", "--var", "generate",
      "--extra", "a=1", "--adapter-id", "--max-new-tokens", "--no-token", "--verbose" }
    local numbers, accepted, refused = random.new(20), 0, 0
    for _ = 1, 3000 do
      local line = { "generate" }
      for i = 1, numbers:int(0, 5) do line[i + 1] = numbers:pick(words) end
      local ok, expected = pcall(all_commands.parse, line)
      local result = plain(line)
      if result then
        accepted = accepted + 1
        assert.is_true(ok, table.concat(line, " "))
        assert.same(expected, result, table.concat(line, " "))
      else
        refused = refused + 1
      end
    end
    assert.is_true(accepted > 300 and refused > 300, accepted .. " " .. refused)
  end)
end)

describe("the command line", function ()
  it("has an option for every parameter of the API", function ()
    local values = {
      boolean = {}, integer = { "1" }, single = { "1" }, seed = { "1" }, strings = { "x" },
    }
    for _, rule in ipairs(params.list) do
      -- The token for the adapter's repository is in a file, as the API token is.
      local name = rule.kind == "token" and "--adapter-token-file"
        or "--" .. rule.name:gsub("_", "-")
      local value = (values[rule.kind] or { "x" })[1]
      local arguments = command_line.parse { "generate", name, value }
      assert.not_nil(arguments[(name:sub(3):gsub("-", "_"))], name)
    end
    assert.is_true(params.names.extra)
    assert.same({ "a=1" }, command_line.parse { "generate", "--extra", "a=1" }.extra)
  end)

  it("names the option whose number is not valid", function ()
    assert.is_truthy(refusal("generate", "--top-k", "many"):find("--top-k takes a number", 1, true))
    for _, text in ipairs { "0x10", "nan", "inf", "", "1e", "--", "1 2" } do
      assert.is_truthy(refusal("generate", "--temperature=" .. text):find "temperature")
    end
    assert.is_truthy(refusal("generate", "--seed", "1.0"):find("--seed", 1, true))
    assert.is_truthy(refusal("generate", "--seed", "-1"):find("--seed", 1, true))
  end)

  it("reads numbers in every usual form", function ()
    for text, value in pairs { ["5"] = 5, ["+5"] = 5, [".5"] = 0.5, ["5."] = 5, ["1e-2"] = 0.01 } do
      assert.equal(value, command_line.parse { "generate", "--temperature", text }.temperature)
    end
  end)

  it("refuses a token, and does not print it", function ()
    for _, line in ipairs {
      { "generate", "--api-token", "pb_secret" }, { "generate", "--api-token=pb_secret", "hello" },
      { "generate", "--token", "pb_secret" }, { "--token=pb_secret", "generate" },
    } do
      local text = refusal(line[1], line[2], line[3])
      assert.is_nil(text:find "pb_secret")
      assert.is_truthy(text:find "PREDIBASE_API_TOKEN")
    end
  end)

  it("leaves arguments after -- unchanged", function ()
    local arguments = command_line.parse { "generate", "--", "--api-token=x" }
    assert.equal("--api-token=x", arguments.prompt)
  end)

  it("asks for quotes when the prompt is several words", function ()
    assert.is_truthy(refusal("generate", "tell", "me"):find "quotes")
  end)

  it("refuses unknown options and commands", function ()
    assert.is_truthy(refusal():find "command")
    assert.is_truthy(refusal("frobnicate"):find "frobnicate")
    assert.is_truthy(refusal("generate", "--max-tokens", "5"):find "max%-tokens")
  end)

  it("accepts values that begin with any character", function ()
    for _, text in ipairs { "-", "--", "---", "- a", "-1", "-h", "--help", "--json", "=", "--a=b",
      "", "--api-token=x" } do
      for _, line in ipairs { { "--stop", text }, { "--stop=" .. text } } do
        local arguments = command_line.parse { "generate", line[1], line[2] or "hi",
          line[2] and "hi" }
        assert.same({ text }, arguments.stop)
        assert.equal("hi", arguments.prompt)
      end
    end
    for _, command in ipairs { "generate", "chat", "doctor", "mock" } do
      local help = command_line.parse { command, "--help" }.text
      local list, taken = {}, 0
      for name in help:gmatch "\n   (%-%-[%l-]+) %u[%u:=]*%f[%s]" do list[#list + 1] = name end
      for _, name in ipairs(list) do
        -- The message is about the number, not about an unknown option.
        local ok, err = pcall(command_line.parse, { command, name, "--x y" })
        local value = ok and err[(name:sub(3):gsub("-", "_"))]
        if type(value) == "table" then value = value[1] end
        assert.is_true(value == "--x y" or not ok and err.message:find("--x y", 1, true) ~= nil,
          command .. " " .. name)
        taken = taken + 1
      end
      assert.is_true(taken > 5)
    end
  end)

  it("accepts a prompt that begins with a dash", function ()
    for _, text in ipairs { "- a list", "-1 + 1 = ?", "---", "-", "--", "-- x", "--stop it" } do
      local line = { "generate", "--top-k", "3", text, "--stop", "-" }
      if text == "--" then line = { "generate", "--top-k", "3", "--stop", "-", "--", "--" } end
      local arguments = command_line.parse(line)
      assert.equal(text, arguments.prompt)
      assert.same({ "-" }, arguments.stop)
    end
    -- A word with a dash is more likely a mistake; after -- it is a prompt.
    assert.is_truthy(refusal("generate", "-n"):find "dash after %-%-")
    assert.equal("-n", command_line.parse { "generate", "--", "-n" }.prompt)
    assert.is_truthy(refusal("generate", "- a", "- b"):find "quotes")
  end)

  it("reads the rates of batch", function ()
    for text, rate in pairs {
      ["100/s"] = { requests = 100, seconds = 1 },
      ["60 requests/min"] = { requests = 60, seconds = 60 },
      ["1000000 tokens/day"] = { tokens = 1000000, seconds = 86400 },
      [" 5 tokens / 10s "] = { tokens = 5, seconds = 10 },
      ["1request/2hours"] = { requests = 1, seconds = 7200 },
    } do
      assert.same({ rate }, command_line.parse { "batch", "--rate-limit", text }.rate_limit)
    end
    for _, text in ipairs { "100", "/s", "1/0s", "1.5/s", "-1/s", "1 word/s", "1/fortnight", "" } do
      local message = refusal("batch", "--rate-limit=" .. text)
      assert.is_truthy(message:find("--rate-limit", 1, true), text)
    end
  end)

  it("reads the numbers and names of batch", function ()
    local arguments = command_line.parse { "batch", "in.csv", "--concurrency", "auto",
      "--limit", "3", "--max-cost", "0.5", "--format", "tsv" }
    assert.equal("auto", arguments.concurrency)
    assert.equal(3, arguments.limit)
    assert.equal(0.5, arguments.max_cost)
    assert.equal("in.csv", arguments.input)
    assert.equal(7, command_line.parse { "batch", "--concurrency", "7" }.concurrency)
    for option, values in pairs { ["--concurrency"] = { "0", "1001", "many" },
      ["--limit"] = { "0", "1.5", "-1" }, ["--max-cost"] = { "-1", "x" },
      ["--format"] = { "xml", "" }, ["--out-format"] = { "lines" }, ["--id"] = { "" } } do
      for _, value in ipairs(values) do
        assert.is_truthy(refusal("batch", option .. "=" .. value):find(option, 1, true), option)
      end
    end
  end)

  it("takes the word merge after batch for a command", function ()
    local arguments = command_line.parse { "batch", "merge", "out.jsonl", "--force" }
    assert.equal("batch-merge", arguments.command)
    assert.equal("out.jsonl", arguments.out)
    assert.is_true(arguments.force)
    assert.equal("./merge", command_line.parse { "batch", "./merge" }.input)
    assert.is_truthy(refusal("batch", "merge"):find("predibase batch merge --help", 1, true))
    assert.is_truthy(command_line.parse { "batch", "merge", "--help" }.text:find("batch merge", 1,
      true))
    assert.is_truthy(refusal("batch", "a", "b"):find "one file of rows")
  end)

  it("says that an option has no value", function ()
    assert.is_truthy(refusal("generate", "--stop"):find("--stop", 1, true))
    assert.is_truthy(refusal("generate", "--json=x", "hi"):find("--json", 1, true))
  end)

  it("has a text for --help and --version, with any other arguments", function ()
    assert.equal("show", command_line.parse { "generate", "--help", "--frobnicate" }.command)
    assert.is_truthy(command_line.parse { "--version" }.text:find "^predibase %S+\n$")
    for _, command in ipairs { "generate", "chat", "doctor", "mock" } do
      local text = command_line.parse { command, "-h" }.text
      assert.is_truthy(text:find("predibase " .. command, 1, true))
    end
  end)
end)
