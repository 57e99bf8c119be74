-- SPDX-License-Identifier: MIT
-- once: the command runs as a process of its own
--- `predibase chat`, with questions from a pipe and in a terminal.
local child = require "spec.support.child"
local json = require "predibase.json"
local scratch = require "spec.support.scratch"
local server = require "spec.support.server"

local CTRL_C, CTRL_D, UP = "\3", "\4", "\27[A"

describe("predibase chat", function ()
  local running, history

  before_each(function () history = os.tmpname() end)

  after_each(function ()
    os.remove(history)
    server.stop()
  end)

  local function open (options)
    running = server.spawn(options)
  end

  local function arguments_of (given)
    local list = { "bin/predibase", "chat", "--base-url", running.url, "--format", "llama-3",
      "--max-new-tokens", "8" }
    for _, argument in ipairs(given or {}) do list[#list + 1] = argument end
    return list
  end

  local function pipe (input, given)
    local program = child.start(child.interpreter(), { args = arguments_of(given), stdin = input })
    return program:wait(), program.stdout, program.stderr
  end

  -- Runs it in a terminal. `steps` are pairs: a text to wait for, and the text that is typed then.
  local function type_in (steps, given, env)
    local args = { "spec/support/terminal.py", child.interpreter() }
    for _, argument in ipairs(arguments_of(given)) do args[#args + 1] = argument end
    local text = {}
    for i, step in ipairs(steps) do text[i] = json.array { step[1], step[2] } end
    local all = { PREDIBASE_HISTORY = history, TERM = "dumb", LC_ALL = "C.UTF-8",
      LD_PRELOAD = "", TERMINAL_PRELOAD = os.getenv "LD_PRELOAD",
      -- readline never frees its tables, and LuaJIT unloads it before a leak detector looks.
      ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":detect_leaks=0" }
    for name, value in pairs(env or {}) do all[name] = value end
    local program = child.start("python3", { args = args, env = all,
      stdin = assert(json.encode(json.array(text))) })
    assert.equal(0, program:wait(), program.stderr)
    local outcome = assert(json.decode(program.stdout))
    assert.equal(json.null, outcome.missed, outcome.shown)
    return outcome.status, outcome.shown
  end

  local function prompts ()
    local list = {}
    for _, entry in ipairs(running:log()) do
      if entry.path:find "/generate_stream$" then
        list[#list + 1] = assert(json.decode(entry.body)).inputs
      end
    end
    return list
  end

  describe("from a pipe", function ()
    it("answers line after line, as one conversation", function ()
      open { script = { ["/generate_stream"] = { { answer = "First." }, { answer = "Second." } } } }
      local code, out, err = pipe("One?\r\n\n  \nTwo?", { "--system", "Be brief.", "--seed", "4" })
      assert.equal(0, code)
      assert.equal("First.\nSecond.\n", out)
      assert.equal("", err)
      local list = prompts()
      assert.equal(2, #list)
      assert.is_truthy(list[1]:find("Be brief.", 1, true))
      assert.is_truthy(list[2]:find("One?<|eot_id|>", 1, true))
      assert.is_truthy(list[2]:find("First.<|eot_id|>", 1, true))
      assert.equal(4, assert(json.decode(running:log()[1].body)).parameters.seed)
    end)

    it("reads questions of several lines, and questions with a slash", function ()
      open()
      local code = pipe('a \\\nb\n"""c\n/d\n\ne"""\n"""\nf\n"""\n//g\n"""h')
      assert.equal(0, code)
      for i, question in ipairs { "a \nb", "c\n/d\n\ne", "f", "/g", "h" } do
        assert.is_truthy(prompts()[i]:find("user<|end_header_id|>\n\n" .. question .. "<|eot_id|>",
          1, true), question)
      end
    end)

    it("ends at the first error with its exit code", function ()
      open { script = { ["/generate_stream"] = { { answer = "First." },
        { status = 422, body = '{"error":"no","error_type":"validation"}' } } } }
      local code, out, err = pipe "One?\nTwo?\nThree?\n"
      assert.equal(3, code)
      assert.equal("First.\n", out)
      assert.is_truthy(err:find("validation", 1, true))
      assert.equal(2, #prompts())
      code = pipe "/frobnicate\n"
      assert.equal(64, code)
      code = pipe "/load /nonexistent/file\nx\n"
      assert.equal(2, code)
      code = pipe "/quit\nx\n"
      assert.equal(0, code)
      assert.equal(2, #prompts())
    end)

    it("prints tokens, times and details on standard error", function ()
      open()
      local code, out, err = pipe("One?\n", { "--stats", "--details" })
      assert.equal(0, code)
      assert.is_truthy(out:find "\n$")
      assert.is_truthy(err:find('^{"details":{"finish_reason":"length"'))
      assert.is_truthy(err:find("8 tokens, first token after", 1, true))
    end)

    it("saves a conversation and continues it", function ()
      open { script = { ["/generate_stream"] = { { answer = "First." }, { answer = "Second." } } } }
      local path = os.tmpname()
      assert.equal(0, (pipe("One?\n/save " .. path .. "\n", { "--system", "Be brief." })))
      local code, out, err = pipe("/history\n/system -\nTwo?\n", { "--load", path })
      os.remove(path)
      assert.equal(0, code)
      assert.equal("Second.\n", out)
      assert.equal("system: Be brief.\nuser: One?\nassistant: First.\n", err)
      assert.is_truthy(prompts()[2]:find("First.", 1, true))
      assert.is_nil(prompts()[2]:find("Be brief.", 1, true))
    end)

    it("lets the server write the prompts when nothing tells the format", function ()
      open()
      local program = child.start(child.interpreter(), { args = { "bin/predibase", "chat",
        "--base-url", running.url }, stdin = "x\n" })
      assert.equal(0, program:wait(), program.stderr)
      local list = running:log()
      assert.equal("/v1/chat/completions", list[#list].path)
    end)

    it("runs tools of a file, and shows calls and results", function ()
      open()
      local path = os.tmpname()
      scratch.write(path, [[return { { name = "get_weather", description = "Weather of a town",
        parameters = '{"type":"object","properties":{"town":{"type":"string"}}}',
        run = function (arguments) return "rain in " .. arguments.town end } }]])
      local program = child.start(child.interpreter(), { args = { "bin/predibase", "chat",
        "--base-url", running.url, "--tools", path },
        stdin = "How is the weather in Oslo?\n" })
      assert.equal(0, program:wait(), program.stderr)
      local shown = '[get_weather {"town":"Oslo"}]\n[rain in Oslo]'
      assert.is_truthy(program.stderr:find(shown, 1, true), program.stderr)
      assert.is_truthy(program.stdout:find("rain in Oslo", 1, true))
      for text, wanted in pairs { ["return 5"] = "must return a list of tools, got a number",
        ["error('no', 0)"] = ": no", ["return ("] = "--tools: " } do
        scratch.write(path, text)
        local code, _, err = pipe("x\n", { "--tools", path })
        assert.equal(64, code)
        assert.is_truthy(err:find(wanted, 1, true), err)
      end
      os.remove(path)
      assert.equal(64, (pipe("x\n", { "--tools", path })))
    end)

    it("says how to choose a format for an unknown model, and lists the formats", function ()
      open()
      local code, _, err = pipe("x\n", { "--format", "moon" })
      assert.equal(11, code)
      assert.is_truthy(err:find("--format NAME", 1, true))
      for _, name in ipairs(require "predibase.template".formats()) do
        assert.is_truthy((err:gsub("[,\n]", " ") .. " "):find(" " .. name .. " ", 1, true), name)
      end
      local _, _, hint = pipe("x\n", { "--format", "moon" })
      assert.is_truthy(hint:find("\n  --format NAME", 1, true))
    end)

    it("says what is wrong with its options", function ()
      open()
      local code, _, err = pipe("x\n", { "--format", "moon" })
      assert.equal(11, code)
      assert.is_truthy(err:find("no chat format", 1, true))
      assert.equal(64, (pipe("x\n", { "--max-input-tokens", "many" })))
      assert.equal(64, (pipe("x\n", { "--frobnicate" })))
      assert.equal(64, (pipe("x\n", { "--system", "@/nonexistent/file" })))
      assert.equal(18, (pipe("x\n", { "--max-input-tokens", "2" })))
      assert.equal(3, (pipe("x\n", { "--temperature", "-1" })))
      assert.equal(0, #prompts())
    end)
  end)

  describe("in a terminal", function ()
    it("stops answers at Ctrl-C and continues, any number of times", function ()
      open { delay = 0.05 }
      local slow = { "--max-new-tokens", "1000", "--ignore-eos-token", "--stop", "\1" }
      local status = type_in({
        { "> ", "tell\r" }, { "tell", "" }, { "a", CTRL_C }, { "(stopped)", "" },
        { "> ", "more\r" }, { "more", "" }, { "a", CTRL_C }, { "(stopped)", "" },
        { "> ", "most\r" }, { "most", "" }, { "a", CTRL_C }, { "(stopped)", "" },
        { "> ", "/history\r" }, { "> ", CTRL_D },
      }, slow)
      assert.equal(0, status)
      local log = running:log()
      assert.equal(3, #log)
      for _, entry in ipairs(log) do
        assert.equal("client", entry.closed_by)
        assert.is_true(entry.tokens < 1000)
        assert.is_nil(assert(json.decode(entry.body)).inputs:find("assistant<|end_header_id|>\n\n.",
          1, false))
      end
    end)

    it("stops an answer at Ctrl-C before its first token", function ()
      -- By its text, because Ctrl-C may come before the first question has been sent.
      for _, fault in ipairs { { when = "One?", head_delay = 600 },
        { when = "One?", first_delay = 600 } } do
        open { script = { ["/generate_stream"] = { fault, { when = "Two?", answer = "Yes." } } } }
        local status = type_in { { "> ", "One?\r" }, { "One?", "" }, { "SOCKET", CTRL_C },
          { "(stopped)", "" }, { "> ", "Two?\r" }, { "Yes.", "" }, { "> ", CTRL_D } }
        assert.equal(0, status)
        assert.is_nil(prompts()[#prompts()]:find("One?", 1, true))
      end
    end)

    it("ends at Ctrl-C at the prompt, also after a Ctrl-C that stopped an answer", function ()
      open { delay = 0.05 }
      assert.equal(130, (type_in { { "> ", CTRL_C } }))
      assert.equal(130, (type_in({ { "> ", "tell\r" }, { "tell", "" }, { "a", CTRL_C },
        { "(stopped)", "" }, { "> ", CTRL_C } }, { "--max-new-tokens", "1000" })))
    end)

    it("prints an error and continues", function ()
      open { script = { ["/generate_stream"] = { { status = 422, body = '{"error":"bad luck"}' },
        { answer = "Second." } } } }
      local status = type_in { { "> ", "One?\r" }, { "bad luck", "" }, { "> ", "Two?\r" },
        { "Second.", "" }, { "> ", "/quit\r" } }
      assert.equal(0, status)
      assert.is_nil(prompts()[2]:find("One?", 1, true))
    end)

    it("obeys commands", function ()
      open { script = { ["/generate_stream"] = { answer = "Yes." } } }
      local status = type_in {
        { "> ", "/help\r" }, { "/save [FILE]", "" }, { "> ", "/nix\r" }, { "no command /nix", "" },
        { "> ", "/system\r" }, { "no system message", "" }, { "> ", "/system Be brief.\r" },
        { "> ", "/save\r" }, { "which file?", "" }, { "> ", "/load\r" }, { "which file?", "" },
        { "> ", "/load /nonexistent/x\r" }, { "No such file", "" },
        { "> ", "One?\r" }, { "Yes.", "" }, { "> ", "/undo\r" }, { "removed: One?", "" },
        { "> ", "/undo\r" }, { "no question", "" }, { "> ", "/reset\r" }, { "forgotten", "" },
        { "> ", '"""a\r' }, { "... ", 'b"""\r' }, { "Yes.", "" }, { "> ", CTRL_D } }
      assert.equal(0, status)
      assert.is_truthy(prompts()[2]:find("Be brief.", 1, true))
      assert.is_nil(prompts()[2]:find("One?", 1, true))
      assert.is_truthy(prompts()[2]:find("a\nb", 1, true))
    end)

    it("shows no control characters of the model", function ()
      open { script = { ["/generate_stream"] = { answer = { "a", "\27[2Jb" } } } }
      local _, shown = type_in { { "> ", "One?\r" }, { "b", "" }, { "> ", CTRL_D } }
      assert.is_nil(shown:find("\27[2J", 1, true))
    end)

    it("works without lua-readline, and without line editing", function ()
      open { script = { ["/generate_stream"] = { answer = "Yes." } } }
      local status, shown = type_in({ { "> ", "One?\r" }, { "Yes.", "" }, { "> ", CTRL_D } }, nil,
        { LUA_PATH = "./spec/fixtures/no_readline/?.lua;" .. package.path })
      assert.equal(0, status)
      assert.equal(1, #prompts())
      local _, times = shown:gsub("lua%-readline %(", "")
      assert.equal(1, times)
    end)

    it("completes commands and the files that they take", function ()
      open { script = { ["/generate_stream"] = { answer = "Yes." } } }
      local path = os.tmpname()
      local _, shown = type_in { { "> ", "/syst\tBe brief.\r" }, { "> ", "One /h\t?\r" },
        { "Yes.", "" }, { "> ", "/sav\t" .. path:sub(1, -2) .. "\t\r" }, { "saved in", "" },
        { "> ", "/hi\t\r" }, { "assistant: Yes.", "" }, { "> ", CTRL_D } }
      assert.is_truthy(shown:find("saved in " .. path, 1, true))
      assert.is_nil(shown:find("lua-readline", 1, true))
      os.remove(path)
      assert.is_truthy(prompts()[1]:find("Be brief.", 1, true))
      assert.is_truthy(prompts()[1]:find("One /h?", 1, true))
    end)

    it("edits lines and has a history", function ()
      open { script = { ["/generate_stream"] = { answer = "Yes." } } }
      type_in { { "> ", "Onx\127e?\r" }, { "Yes.", "" }, { "> ", CTRL_D } }
      type_in { { "> ", UP .. "\r" }, { "Yes.", "" }, { "> ", CTRL_C } }
      assert.is_truthy(prompts()[1]:find("\n\nOne?<", 1, true))
      assert.is_truthy(prompts()[2]:find("\n\nOne?<", 1, true))
      local file = assert(io.open(history))
      assert.equal("One?\n", file:read "*a")
      file:close()
    end)
  end)
end)
