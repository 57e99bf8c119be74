-- SPDX-License-Identifier: MIT
--- The chat page of examples/openresty in a real nginx and a real browser, in front of the stand-in
-- server.

local browser = require "spec.support.browser"
local child = require "spec.support.child"
local http = require "socket.http"
local ltn12 = require "ltn12"
local nginx = require "spec.support.nginx"
local openresty_site = require "spec.support.openresty_site"
local server = require "spec.support.server"
local uv = require "luv"

local WORDS = {}
for i = 1, 400 do WORDS[i] = (i == 1 and "word" or " word") .. i end

describe("examples/openresty", function ()
  local model, site, url

  local function start (script, format)
    model = server.spawn { max_seconds = 300, script = { ["/generate_stream"] = script } }
    site = openresty_site.start { PREDIBASE_BASE_URL = model.url, CHAT_FORMAT = format }
    url = site.url
  end

  after_each(function ()
    browser.stop()
    nginx.stop()
    server.stop()
  end)

  local LAST = 'document.querySelector("#log article:last-of-type")'

  local function shows (text)
    return ("%s.innerText.includes(%q)"):format(LAST, text)
  end

  local IDLE = 'document.querySelector("#stop").hidden'

  it("shows the first words before the last ones", function ()
    start { answer = { "Once", " upon", " a", " time", ".", " The", " end", "." }, delay = 0.15 }
    local page = browser.open(url)
    page:shoot "empty"
    page:type("#prompt", "Tell me a story." .. browser.ENTER)
    page:wait(shows "Once upon")
    assert.is_false(page:value(shows "The end."))
    assert.is_false(page:value(IDLE))
    page:shoot "writing"
    page:wait(IDLE)
    assert.is_true(page:value(shows "Once upon a time. The end."))
    page:shoot "written"
    assert.equal("prompt", page:value "document.activeElement.id")
    assert.matches("Tell me a story%.", model:log()[1].body)
    assert.same({}, page:complaints())
  end)

  for how, stop in pairs {
    ["its button"] = function (page) page:click "#stop" end,
    ["the key Escape"] = function (page) page:press(browser.ESCAPE) end,
  } do
    it("stops the model with " .. how, function ()
      start { answer = WORDS, delay = 0.05 }
      local page = browser.open(url)
      page:type("#prompt", "Talk" .. browser.ENTER)
      page:wait(shows "word5")
      stop(page)
      page:wait(shows "Stopped.")
      assert.is_true(page:value(IDLE))
      assert.is_truthy(model:wait(function () return model:connections().open == 0 end, 10))
      local entry = model:log()[1]
      assert.equal("client", entry.closed_by)
      assert.is_true(entry.tokens < #WORDS)
      -- What was said stays part of the conversation.
      model:script("/generate_stream", { answer = "More." })
      page:type("#prompt", "Go on" .. browser.ENTER)
      page:wait(shows "More.")
      assert.matches("word1 word2 word3.*Go on", model:log()[2].body)
      page:shoot "stopped"
    end)
  end

  it("lets go of the model when the page is left", function ()
    start { answer = WORDS, delay = 0.05 }
    local page = browser.open(url)
    page:type("#prompt", "Talk" .. browser.ENTER)
    page:wait(shows "word5")
    page:visit "about:blank"
    assert.is_truthy(model:wait(function () return model:connections().open == 0 end, 10))
    assert.equal("client", model:log()[1].closed_by)
  end)

  it("answers others while a stream runs", function ()
    start { answer = WORDS, delay = 0.05 }
    local page = browser.open(url)
    page:type("#prompt", "Talk" .. browser.ENTER)
    page:wait(shows "word3")
    local other = browser.open(url)
    assert.equal("Chat", other:value "document.title")
    assert.is_false(page:value(IDLE))
  end)

  it("shows markup as the text that it is", function ()
    start {
      answer = { "<img src=x onerror='hacked=1'>", "<script>hacked=2</script>", " &amp; done" },
    }
    local page = browser.open(url)
    page:type("#prompt", "<b>bold</b>" .. browser.ENTER)
    page:wait(shows "<script>hacked=2</script> &amp; done")
    assert.equal(0, page:value 'document.querySelectorAll("#log img, #log script, #log b").length')
    assert.is_true(page:value "window.hacked === undefined")
    assert.equal("<b>bold</b>", page:value 'document.querySelector("#log .user .text").innerText')
  end)

  it("says what went wrong, and asks again", function ()
    start {
      { overload = 1, answer = "x" },
      { answer = { "Half", " of" }, error_after = 2, error_type = "generation",
        error = "CUDA out of memory" },
      { answer = "All of it." },
    }
    model:script("/generate_stream", { status = 503, body = "no" })
    local page = browser.open(url)
    page:type("#prompt", "Try" .. browser.ENTER)
    page:wait(shows "did not work")
    page:shoot "failed"
    model:script("/generate_stream", { answer = { "Half", " of" }, error_after = 2,
      error_type = "generation", error = "CUDA out of memory" })
    page:click "#log .failed button"
    page:wait(shows "CUDA out of memory")
    assert.is_true(page:value(shows "Half of"))
    model:script("/generate_stream", { answer = "All of it." })
    page:click "#log .failed button"
    page:wait(shows "All of it.")
    assert.equal(2, page:value 'document.querySelectorAll("#log article").length')
    assert.is_nil(model:log()[#model:log()].body:find("Half of", 1, true))
  end)

  it("tells who asks too often when to come back", function ()
    start { answer = "Yes." }
    local page = browser.open(url)
    for _ = 1, 12 do
      page:type("#prompt", "Again" .. browser.ENTER)
      page:wait(IDLE)
    end
    page:wait 'document.querySelector("#log").innerText.includes("Too many questions")'
    page:shoot "limited"
  end)

  it("can be used with the keyboard alone", function ()
    start { answer = "Yes." }
    local page = browser.open(url)
    assert.equal("prompt", page:value "document.activeElement.id")
    local seen = {}
    for _ = 1, 8 do
      page:press(browser.TAB)
      seen[#seen + 1] = page:value "document.activeElement.id || document.activeElement.className"
    end
    local order = table.concat(seen, " ")
    for _, name in ipairs { "send", "reset", "suggestion", "log" } do
      assert.is_truthy(order:find(name, 1, true), order)
    end
    page:value 'document.querySelector(".suggestion").focus()'
    page:press(browser.ENTER)
    page:wait(shows "Yes.")
    page:value 'document.querySelector("#reset").focus()'
    page:press(browser.ENTER)
    page:wait 'document.querySelectorAll("#log article").length === 0'
  end)

  it("fits a phone", function ()
    start { answer = { ("long"):rep(60), " and\n", "short" } }
    local page = browser.open(url, { width = 320, height = 640, dark = true })
    page:shoot "phone-empty"
    page:click ".suggestion"
    page:wait(shows "short")
    page:shoot "phone"
    assert.is_true(page:value "document.documentElement.scrollWidth <= 320")
    assert.is_true(page:value 'document.querySelector("#log").scrollWidth <= 320')
    assert.is_true(page:value [[
      [...document.querySelectorAll("button:not([hidden])")].filter(b => b.offsetParent)
        .every(b => b.getBoundingClientRect().height >= 44)]])
  end)

  it("refuses what no page sends", function ()
    start { answer = "x" }
    local page = browser.open(url)
    local function answer (body, method, media)
      return page:value(([[await fetch("api/chat", { method: %q, body: %s,
        headers: { "content-type": %q } }).then(async r => r.status + " " + await r.text())]])
        :format(method or "POST", body, media or "application/json"))
    end
    assert.matches("^405 ", answer("undefined", "GET"))
    -- What a page of another site can send without being asked.
    local question = "JSON.stringify({ messages: [{ role: 'user', content: 'x' }] })"
    assert.matches("^415 ", answer(question, "POST", "text/plain"))
    assert.matches("^415 ", answer(question, "POST", "text/plain; application/json"))
    for body, what in pairs {
      ["'no JSON'"] = "there are no messages",
      ["JSON.stringify({ messages: [] })"] = "there are no messages",
      ["JSON.stringify({ messages: [{ role: 'system', content: 'x' }] })"] = "role and a text",
      ["JSON.stringify({ messages: [{ role: 'user', content: 5 }] })"] = "role and a text",
      ["JSON.stringify({ messages: [{ role: 'assistant', content: 'x' }] })"] = "be a question",
      ["JSON.stringify({ messages: Array(101).fill({ role: 'user', content: '' }) })"] = "too long",
    } do
      local got = answer(body)
      assert.matches("^400 ", got)
      assert.matches(what, got)
    end
    assert.matches("^413 ", answer "'x'.repeat(300000)")
    assert.same({}, model:log())
  end)

  --- The status of a conversation that is posted without a browser.
  local function post (messages, headers)
    local all = { ["content-type"] = "application/json", ["content-length"] = #messages }
    for name, value in pairs(headers or {}) do all[name] = value end
    local _, status = http.request { url = url .. "api/chat", method = "POST", headers = all,
      source = ltn12.source.string(messages) }
    return status
  end

  local QUESTION = '{"messages":[{"role":"user","content":"x"}]}'

  it("answers to no name but its own", function ()
    start { answer = "x" }
    local port = site.port.main
    for _, host in ipairs { "evil.example:" .. port, "evil.example", "127.0.0.1.evil.example" } do
      assert.equal(421, post(QUESTION, { host = host, origin = "http://" .. host }))
      assert.equal(421, select(2, http.request { url = url, headers = { host = host } }))
    end
    assert.same({}, model:log())
    for _, host in ipairs { "localhost:" .. port, "127.0.0.1:" .. port } do
      assert.equal(200, post(QUESTION, { host = host }))
    end
  end)

  it("writes no prompt for who asks too often, and takes no place for one that fails", function ()
    start({ answer = "x" }, "mistral-v0.3")
    local two = '{"messages":[{"role":"user","content":"x"},{"role":"user","content":"y"}]}'
    local statuses = {}
    for i = 1, 7 do statuses[i] = post(two) end
    -- Four streams at once are allowed, and five beginnings at once.
    for i = 1, 5 do assert.equal(422, statuses[i]) end
    assert.equal(429, statuses[7])
    assert.same({}, model:log())
  end)

  it("starts with one command", function ()
    local probe = uv.new_tcp()
    assert(probe:bind("127.0.0.1", 0))
    local port = probe:getsockname().port
    probe:close()
    uv.run "nowait"
    local demo = child.start("sh", { args = { "tools/demo-openresty.sh" }, env = {
      PORT = tostring(port), LD_PRELOAD = "" } })
    local got
    child.wait(function ()
      got = demo.stdout:find("open http://127.0.0.1:" .. port, 1, true)
        and http.request("http://127.0.0.1:" .. port .. "/")
      if not got then uv.sleep(50) end
      return got or demo.code
    end, "the page")
    assert.matches("<title>Chat</title>", got or demo.stderr)
    local question = '{"messages":[{"role":"user","content":"Tell me a story of a lighthouse."}]}'
    local pieces = {}
    local _, status = http.request {
      url = ("http://127.0.0.1:%d/api/chat"):format(port), method = "POST",
      headers = { ["content-type"] = "application/json", ["content-length"] = #question },
      source = ltn12.source.string(question), sink = ltn12.sink.table(pieces),
    }
    local events = table.concat(pieces)
    uv.kill(demo.pid, "sigterm")
    demo:wait()
    assert.equal(200, status)
    assert.matches('^data: {"text":', events)
    assert.matches("event: done\n", events)
  end)
end)
