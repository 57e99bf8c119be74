-- SPDX-License-Identifier: MIT
--- The plugin of examples/neovim in a real Neovim, beside a server that says each token when it is
-- told to.

local editor = require "spec.examples.neovim.editor"
local scripted = require "spec.support.scripted"
local server = require "spec.support.server"
local child = require "spec.support.child"

describe("examples/neovim", function ()
  local vim, served, script

  before_each(function ()
    script = {}
    served = scripted.listen(function (connection)
      script[#script + 1] = connection
      connection:send(scripted.STREAM)
    end)
    vim = editor.start(served.url)
  end)
  after_each(function ()
    local code = vim:quit()
    served:close()
    server.stop()
    assert.equal(0, code)
  end)

  --- The n-th request, as soon as it is there.
  local function request (n)
    child.wait(function () return script[n or #script] end, "a request")
    return script[n or #script]
  end

  local function say (connection, ...)
    for _, text in ipairs { ... } do connection:send(scripted.token(text)) end
  end

  local function finish (connection, text)
    connection:send(scripted.last(text, "x"))
    connection:close()
  end

  --- Asks, and gives the connection.
  local function ask (command)
    local n = #script + 1
    vim:command(command)
    return request(n)
  end

  local function closed (connection)
    child.wait(function () return connection.closed end, "the end of a connection")
    return connection.closed
  end

  it("writes behind the cursor what comes, lines and all, as one change", function ()
    vim:new_buffer "Once upon.\nThe end."
    vim:type "f."
    local c = ask "Predibase Tell me a story"
    assert.is_truthy(c.request:find('"inputs":"Tell me a story"', 1, true))
    say(c, " There", " was\\n", "\\na l")
    vim:wait_text "Once upon. There was\n\na l\nThe end."
    assert.equal(1, vim:count())
    finish(c, "ine. \\ud83d\\ude00")
    vim:wait_end()
    assert.equal("Once upon. There was\n\na line. 😀\nThe end.", vim:text())
    vim:type "u"
    assert.equal("Once upon.\nThe end.", vim:text())
    vim:type "<C-r>"
    assert.equal("Once upon. There was\n\na line. 😀\nThe end.", vim:text())
    assert.equal("", vim:told())
  end)

  it("shows that it thinks, and drops blanks at the beginning of a line", function ()
    vim:new_buffer ""
    local c = ask "Predibase Go"
    local function hints ()
      return vim:get [[(function ()
        local space = vim.api.nvim_create_namespace "predibase"
        local n = 0
        for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })) do
          if mark[4].virt_text then n = n + 1 end
        end
        return n
      end)()]]
    end
    assert.equal(1, hints())
    say(c, "\\n", " Hello")
    vim:wait_text "Hello"
    assert.equal(0, hints())
    finish(c, " there")
    vim:wait_text "Hello there"
  end)

  it("sends the lines of a range and writes below them", function ()
    vim:new_buffer "one\ntwo\nthree"
    vim:type "Vj"
    local n = #script + 1
    vim:type ":Predibase Summarise.<CR>"
    local c = request(n)
    assert.is_truthy(c.request:find('"inputs":"Summarise.\\n\\none\\ntwo"', 1, true), c.request)
    assert.equal("one\ntwo\nthree", vim:text())
    say(c, " Num")
    vim:wait_text "one\ntwo\nNum\nthree"
    finish(c, "bers.")
    vim:wait_text "one\ntwo\nNumbers.\nthree"
    vim:type "u"
    assert.equal("one\ntwo\nthree", vim:text())
  end)

  it("writes in place of the lines, which stay until there is something", function ()
    vim:new_buffer "one\ntwo\nthree"
    local c = ask "1,2Predibase! Translate."
    assert.equal("one\ntwo\nthree", vim:text())
    say(c, "eins\\n")
    vim:wait_text "eins\n\nthree"
    finish(c, "zwei")
    vim:wait_text "eins\nzwei\nthree"
    vim:wait_end()
    vim:type "u"
    assert.equal("one\ntwo\nthree", vim:text())
  end)

  it("finds its place while the user types around it, and moves no cursor", function ()
    vim:new_buffer "head\nbody tail\nfoot"
    vim:type "j3l"                      -- on the y
    local c = ask "Predibase Go"
    say(c, " 1")
    vim:wait_text "head\nbody 1 tail\nfoot"
    vim:type "ggOnew line<Esc>"         -- above
    say(c, " 2")
    vim:wait_text "new line\nhead\nbody 1 2 tail\nfoot"
    vim:type "jj0iany"                  -- before it on its line, and still in Insert mode
    say(c, " 3\\n4")
    vim:wait_text "new line\nhead\nanybody 1 2 3\n4 tail\nfoot"
    assert.equal("i", vim:get "vim.api.nvim_get_mode().mode")
    vim:type "_<Esc>G0D"                -- behind it
    assert.equal("new line\nhead\nany_body 1 2 3\n4 tail\n", vim:text())
    vim:type "kA!"                      -- behind it on its line: the cursor goes along
    say(c, " 5 six\\n7")
    vim:wait_text "new line\nhead\nany_body 1 2 3\n4 5 six\n7 tail!\n"
    vim:type "?"
    finish(c, ".")
    vim:wait_end()
    assert.equal("new line\nhead\nany_body 1 2 3\n4 5 six\n7. tail!?\n", vim:text())
  end)

  it("goes to the cursor of Insert mode", function ()
    vim:new_buffer "ab"
    vim:type ":inoremap <lt>C-g>p <lt>Cmd>Predibase Go<lt>CR><CR>a<C-g>p"
    local c = request(1)
    say(c, "X")
    vim:wait_text "aXb"
    finish(c, "Y")
    vim:wait_text "aXYb"
  end)

  it("stops when it is told to, and closes the connection", function ()
    vim:new_buffer ""
    local c = ask "Predibase Go"
    say(c, "some")
    vim:wait_text "some"
    vim:command "PredibaseStop"
    assert.is_true(closed(c))
    assert.equal(0, vim:count())
    assert.equal("some", vim:text())
    assert.equal("", vim:told())
    vim:command "PredibaseStop"
    assert.equal("2: predibase: nothing is being written here", vim:told())
  end)

  it("writes into several buffers at once", function ()
    local first = vim:new_buffer "first"
    local a = ask "Predibase Go"
    local second = vim:new_buffer "second"
    local b = ask "Predibase Go"
    say(a, " A")
    say(b, " B")
    vim:wait(function () return vim:text(first) == "f Airst" end)
    vim:wait(function () return vim:text(second) == "s Becond" end)
    vim:command "PredibaseStop"
    assert.is_true(closed(b))
    assert.equal(1, vim:count())
    finish(a, "!")
    vim:wait_end()
    assert.equal("f A!irst", vim:text(first))
    local c = ask "Predibase Go"
    vim:new_buffer ""
    vim:command "PredibaseStop!"
    assert.is_true(closed(c))
  end)

  it("tells what went wrong and keeps what there was", function ()
    vim:new_buffer ""
    local c = ask "Predibase Go"
    say(c, "half")
    c:close()
    vim:wait_end()
    assert.equal("half", vim:text())
    assert.is_truthy(vim:told():find("ended the stream after .* and 1 token,"))
    vim:command "Predibase"
    assert.equal("4: predibase: what shall I ask? :Predibase {prompt}", vim:told())
    vim:command "Predibase! Go"
    assert.equal("4: predibase: ! needs a range of lines to replace", vim:told())
    vim:command "setlocal nomodifiable"
    vim:command "Predibase Go"
    assert.equal("4: predibase: this buffer cannot be changed", vim:told())
    assert.equal(1, #script)
  end)

  it("says which settings are missing, and takes them later", function ()
    vim:new_buffer ""
    vim:command 'let $PREDIBASE_BASE_URL = ""'
    vim:command "Predibase Go"
    assert.is_truthy(vim:told():find("^4: predibase: .*PREDIBASE_"))
    vim:command(([[lua require("predibase_nvim").setup { client = { base_url = "%s" },
      format = function (words, lines) return "<" .. words .. lines .. ">" end }]])
      :format(served.url):gsub("\n%s*", " "))
    local c = ask "Predibase Go"
    assert.is_truthy(c.request:find('"inputs":"<Go>"', 1, true))
    finish(c, "on")
    vim:wait_text "on"
  end)

  it("gives up a buffer that is deleted, and one that may not be changed any more", function ()
    vim:new_buffer ""
    local c = ask "Predibase Go"
    say(c, "a")
    vim:wait_text "a"
    vim:command "bwipeout!"
    assert.is_true(closed(c))
    assert.equal(0, vim:count())
    assert.equal("", vim:told())

    vim:new_buffer ""
    c = ask "Predibase Go"
    say(c, "b")
    vim:wait_text "b"
    vim:command "setlocal nomodifiable"
    say(c, "c")
    assert.is_true(closed(c))
    vim:wait_end()
    assert.equal("b", vim:text())
    assert.equal("4: predibase: the buffer cannot be changed any more", vim:told())
  end)

  it("goes on after an undo, and undoes nothing of the user's", function ()
    vim:new_buffer "x"
    local c = ask "Predibase Go"
    say(c, "1")
    vim:wait_text "x1"
    vim:type "u"
    assert.equal("x", vim:text())
    say(c, "2")
    vim:wait_text "x2"
    vim:type "Omine<Esc>"
    finish(c, "3")
    vim:wait_text "mine\nx23"
    vim:type "u"
    assert.equal("mine\nx2", vim:text())
    vim:type "u"
    assert.equal("x2", vim:text())
  end)

  it("writes a burst of 2000 tokens", function ()
    local words = {}
    for i = 1, 2000 do words[i] = " w" .. i end
    local s = server.spawn { script = { ["/generate_stream"] = { answer = words } } }
    vim:command(('lua require("predibase_nvim").setup { client = { base_url = "%s" }, '
      .. 'parameters = { max_new_tokens = 2000 } }'):format(s.url))
    vim:new_buffer ""
    vim:command "Predibase Go"
    vim:wait(function () return vim:get 'vim.api.nvim_get_current_line():find "w2000$"' end)
    vim:wait_end()
    assert.is_true(vim:get [[(function ()
      local expected = {}
      for i = 1, 2000 do expected[i] = "w" .. i end
      return vim.api.nvim_get_current_line() == table.concat(expected, " ")
    end)()]])
    vim:type "u"
    assert.equal("", vim:text())
    vim:command "lua require('predibase_nvim').close()"
  end)

  it("lets timers tick while an answer is waited for", function ()
    vim:new_buffer ""
    vim:command("let g:ticks = 0 | "
      .. "call timer_start(1, {-> execute('let g:ticks += 1')}, #{repeat: -1})")
    local c = ask "Predibase Go"
    say(c, "a")
    vim:wait_text "a"
    local ticks = vim:get "vim.g.ticks"
    vim:wait(function () return vim:get "vim.g.ticks" > ticks + 20 end)
    assert.equal(1, vim:count())
    finish(c, "b")
    vim:wait_text "ab"
  end)

  it("leaves nothing behind when the user leaves", function ()
    vim:new_buffer ""
    local c = ask "Predibase Go"
    say(c, "a")
    vim:wait_text "a"
    assert.equal(0, vim:quit())
    assert.is_true(closed(c))
  end)

  it("does not keep an editor from ending that gives it no chance to end first", function ()
    vim:new_buffer ""
    local c = ask "Predibase Go"
    say(c, "a")
    vim:wait_text "a"
    assert.equal(0, vim:quit "noautocmd qa!")
    assert.is_true(closed(c))
  end)

  it("passes its own health check, and its help can be read", function ()
    vim:command "checkhealth predibase_nvim"
    vim:wait(function () return vim:text():find("name a server", 1, true) end)
    assert.is_truthy(vim:text():find("the library, version", 1, true))
    vim:command "helptags examples/neovim/doc"
    vim:command "help :PredibaseStop"
    vim:wait(function () return vim:get "vim.bo.buftype" == "help" end)
    assert.is_truthy(vim:get("vim.api.nvim_get_current_line()"):find("*:PredibaseStop*", 1, true))
  end)
end)

describe("predibase.json inside Neovim", function ()
  --- Runs busted with the Lua of Neovim; returns what it printed.
  local function run_inside (...)
    local process = child.start("nvim", {
      args = { "--headless", "-u", "NONE", "-i", "NONE", "-c",
        "luafile spec/examples/neovim/busted.lua", "-c", "qa!" },
      env = {
        ARGUMENTS = table.concat({ ... }, "\n"), LD_PRELOAD = "",
        LUA_PATH = package.path, LUA_CPATH = package.cpath,
      },
    })
    process:wait()
    return process.stdout .. process.stderr
  end

  it("is made of vim.json", function ()
    local vim = editor.start "http://localhost:1"
    assert.is_true(vim:get 'require("predibase.json").null == vim.NIL')
    assert.is_true(vim:get 'package.loaded.cjson == nil')
    assert.equal('"a\\n\\nb"', vim:get [[require("predibase.json").encode("a\n\nb")]])
    -- The settings of vim.json for other plugins are as they were.
    assert.is_true(vim:get 'vim.json.decode("[NaN]")[1] ~= 1')
    assert.is_true(vim:get 'require("predibase.json").decode("[NaN]") == nil')
    assert.equal(0, vim:quit())
  end)

  for _, name in ipairs { "json", "json_encode", "json_answer", "event", "response" } do
    it(("passes %s_spec"):format(name), function ()
      -- The stub of a newer lua-cjson is not used there.
      local report = run_inside(("spec/%s_spec.lua"):format(name), "--filter-out=newer lua%-cjson")
      local planned = tonumber(report:match "1%.%.(%d+)%s*$")
      local _, passed = report:gsub("ok %d+ %- ", "")
      assert.is_nil(report:find "not ok", report)
      assert.is_truthy(planned and planned > 0, report)
      assert.equal(planned, passed, report)
    end)
  end
end)
