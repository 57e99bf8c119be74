-- SPDX-License-Identifier: MIT
--- The game scene of examples/love, played by LÖVE itself against the stand-in server.

local child = require "spec.support.child"
local server = require "spec.support.server"

local ANSWER = { "The", " sea", " is", " patient", ".", " So", " am", " I", ".", " Schön, nicht",
  " wahr?", "\nTra", "veller", ":", " and so on" }
local SAID = "The sea is patient. So am I. Schön, nicht wahr?"
local GREETING = "You have walked a long way to be up here at this hour. Sit. What is on your mind?"

local LONG = {}
for i = 1, 160 do LONG[i] = (i == 1 and "wave " or " wave ") .. i end

local function word_by_word (text)
  local words = {}
  for word in text:gmatch " ?%S+" do words[#words + 1] = word end
  return words
end

describe("examples/love", function ()
  local s

  setup(function ()
    s = server.spawn { max_seconds = 600, script = {
      ["/answer/generate_stream"] = { answer = ANSWER, delay = 0.01, first_delay = 0.1 },
      ["/quick/generate_stream"] = { answer = ANSWER },
      ["/burst/generate_stream"] = { answer = LONG, first_delay = 0.1 },
      ["/hang/generate_stream"] = { answer = ANSWER, silent_after = 5 },
      ["/break/generate_stream"] = {
        { answer = ANSWER, error_after = 3, error_type = "generation", error = "out of memory" },
        { answer = ANSWER, silent_after = 0 },
      },
      ["/draw/generate_stream"] = {
        { silent_after = 0 },
        { answer = word_by_word("Only for the first ten years. After that you learn that the "
          .. "quiet is not empty: the gulls gossip"), silent_after = 19 },
        { answer = word_by_word("Storms are loud guests, but they never stay for breakfast. I "
          .. "trim the lamp, I boil the kettle, and I count between the flash and the thunder. "
          .. "When I get to twenty, I open the shutters again and look who is still out there. "
          .. "Most nights it is nobody. Some nights it is you.") },
        { error_after = 0, error_type = "overloaded", error = "Model is overloaded" },
      },
    } }
  end)
  teardown(function () server.stop() end)

  --- Plays one of spec/examples/love/plays.lua; `wrap` is a command to run LÖVE under.
  local function play (name, path, wrap, env)
    local args = {}
    for i, word in ipairs(wrap or {}) do args[i] = word end
    args[#args + 1] = "love"
    args[#args + 1] = "spec/examples/love"
    local all = {
      GAME = "examples/love", PLAY = name, PREDIBASE_BASE_URL = path and s.url .. path or "",
      LUA_PATH = "./lua/?.lua;./lua/?/init.lua;;",
      LUA_CPATH = ("./%s/luajit/?.so;;"):format(os.getenv "BUILDDIR" or "build"),
      XDG_DATA_HOME = "build/examples",
    }
    for key, value in pairs(env or {}) do all[key] = value end
    local love = child.start(table.remove(args, 1), { args = args, env = all })
    local code = love:wait()
    local report = {}
    for key, value in love.stdout:gmatch "([%w_]+)=([^\n]*)\n" do report[key] = value end
    assert.is_nil(report.error)
    assert(code == 0 and report.ended, "LÖVE ended with " .. code .. "\n" .. love.stderr)
    return report
  end

  --- Requests that the server saw below a path.
  local function requests (path)
    local list = {}
    for _, request in ipairs(s:log()) do
      if request.path == path .. "/generate_stream" then list[#list + 1] = request end
    end
    return list
  end

  it("types out what the server says, letter by letter, turn by turn", function ()
    local report = play("answer", "/answer")
    assert.equal(GREETING, report.greeting)
    assert.equal("true", report.thought)
    assert.equal(SAID, report.said)
    assert.equal("2", report.turns)
    assert.equal("Wie heißt das Meer?", report.question)
    assert.is_true(tonumber(report.steps) > 30)
    assert.is_true(tonumber(report.most) <= 3)         -- bytes in a frame: ö has two
    local log = requests "/answer"
    assert.equal(2, #log)
    assert.is_truthy(log[2].body:find("Traveller: Who are you?\\nMaren: " .. SAID, 1, true))
    assert.is_truthy(log[2].body:find("Traveller: Wie heißt das Meer?\\nMaren:\"", 1, true))
    assert.is_nil(log[1].closed_by)
    assert.is_nil(log[2].closed_by)
  end)

  it("closes the connection when the player has heard enough", function ()
    local report = play("cancel", "/hang")
    assert.equal("listening", report.state)
    assert.equal(7, #report.said)
    assert.equal(report.said, report.known)
    assert.equal(report.said, report.later)
    assert.equal("listening", report.thinking)
    assert.is_true(s:wait(function ()
      return requests "/hang"[1].closed_by == "client"
    end))
  end)

  it("says in plain words what went wrong, and asks again", function ()
    local report = play("fail", "/break")
    assert.equal("generation", report.kind)
    assert.equal("The model lost its thread.", report.words)
    assert.equal("0", report.turns)
    assert.equal("thinking", report.state)
    assert.equal("Hello?", report.asked)
  end)

  it("starts without settings, and says which it needs", function ()
    local report = play "nowhere"
    assert.equal("failed", report.state)
    assert.equal("config", report.kind)
    assert.equal("failed", report.later)
  end)

  --- System calls of the thread that plays, frame by frame: `{ state =, calls = { … } }`.
  local function frames (trace)
    local list, pid, frame = {}, nil, nil
    for line in io.lines(trace) do
      local who, call = line:match "^(%d+)%s+(.*)"
      local state = call and call:match '^access%("frame begins: (%w+)"'
      if state then
        pid, frame = who, { state = state, calls = {} }
      elseif frame and who == pid then
        if call:find('access("frame ends"', 1, true) then
          list[#list + 1], frame = frame, nil
        else
          frame.calls[#frame.calls + 1] = call
        end
      end
    end
    return list
  end

  --- Whether a system call may hold its caller up.
  local function waits (call)
    local name = call:match "^%w+"
    if name == "epoll_wait" or name == "epoll_pwait" or name == "poll" then
      return not call:find ", 0%)? +=" and not call:find ", 0, NULL, 8%)"
    end
    return name == "select" or name == "ppoll" or name == "nanosleep" or name == "clock_nanosleep"
      or name == "futex" and call:find("FUTEX_WAIT", 1, true) and true or false
  end

  -- The frame that opens the first connection of the process sets libcurl and TLS up.
  local MOST_CALLS, OPENING, CALLS_BETWEEN = 60, 120, 8
  -- Between tokens a frame allocates next to nothing; but LuaJIT counts the code that it compiles,
  -- and in which frame it does so is its own affair.
  local MOST_KIB, KIB_BETWEEN = 64, 32

  it("costs each frame a few system calls and little memory, also when 160 tokens come at once",
    function ()
      local trace = os.tmpname()
      local report = play("cost", "/burst", { "strace", "-f", "-o", trace })
      local list = frames(trace)
      os.remove(trace)
      assert.equal(table.concat(LONG), report.said)
      assert.is_true(#list > 120)
      local opened, most = 0, {}
      for _, frame in ipairs(list) do
        for _, call in ipairs(frame.calls) do assert.is_false(waits(call), call) end
        local n = #frame.calls
        if n > MOST_CALLS then opened = opened + 1 end
        assert.is_true(n <= OPENING, n)
        most[frame.state] = math.max(most[frame.state] or 0, n)
      end
      assert.is_true(opened <= 1)
      assert.is_true(most.listening <= OPENING and most.speaking <= MOST_CALLS)
      assert.equal(0, #list[1].calls)
      assert.is_true(#list[#list].calls <= CALLS_BETWEEN)
      for name, kib in pairs { thinking = KIB_BETWEEN, listening = KIB_BETWEEN,
        speaking = MOST_KIB, changing = MOST_KIB } do
        local value = tonumber(report["allocated_" .. name])
        assert(value <= kib, ("%s: %s KiB"):format(name, value))
      end
    end)

  -- Less than a KiB for each of the 150 answers. LuaJIT's own records of compiled code grow a
  -- little.
  local KEPT_KIB = 128

  it("holds no more after 200 answers than after 50", function ()
    local report = play("long", "/quick")
    assert(tonumber(report.memory) < KEPT_KIB, report.memory .. " KiB more")
    -- The connection of an answer that was cut short may be open or not at that moment.
    assert(tonumber(report.files) <= 1, report.files .. " files more")
  end)

  -- As the game's README says: the archive holds the Lua files, C modules lie beside it.
  it("starts packed, with the C modules beside the archive", function ()
    local folder = "build/examples/packed"
    local function sh (command) assert(os.execute(command:gsub("FOLDER", folder)), command) end
    sh "rm -rf FOLDER && mkdir -p FOLDER/game FOLDER/predibase"
    sh "cp -r examples/love/* lua/predibase FOLDER/game"
    sh "mv FOLDER/game/main.lua FOLDER/game/game.lua"
    sh "cp spec/examples/love/packed.lua FOLDER/game/main.lua"
    sh "cp spec/examples/love/headless.lua FOLDER/game/conf.lua"
    sh(("cp %s/luajit/predibase/*.so FOLDER/predibase"):format(os.getenv "BUILDDIR" or "build"))
    sh "cd FOLDER/game && python3 -m zipfile -c ../game.love *"
    local love = child.start("love", {
      args = { folder .. "/game.love" },
      env = { LUA_PATH = ";;", LUA_CPATH = ";;", XDG_DATA_HOME = "build/examples" },
    })
    assert.equal(0, love:wait(), love.stderr)
    assert.is_truthy(love.stdout:find("libcurl/", 1, true))
    assert.is_truthy(love.stdout:find(folder .. "/predibase/curl.so", 1, true))
  end)

  it("draws what it tells, in any window", function ()
    local report = play("draw", "/draw",
      { "xvfb-run", "-a", "-s", "-screen 0 1920x1080x24" },
      { SCREEN = "1", LIBGL_ALWAYS_SOFTWARE = "1" })
    local bright = {}
    for _, name in ipairs { "start", "greeting", "thinking", "speaking", "whole", "small",
      "failed" } do
      bright[name] = assert(tonumber(report[name]), name)
    end
    assert.is_true(bright.start < bright.thinking)
    assert.is_true(bright.thinking < bright.speaking)
    assert.is_true(bright.speaking < bright.whole)
    assert.is_true(bright.start < bright.greeting and bright.greeting < bright.whole)
    assert.is_true(bright.small > 500 and bright.small < bright.whole)
    assert.is_true(bright.failed > bright.thinking)
  end)
end)
