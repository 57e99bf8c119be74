-- SPDX-License-Identifier: MIT
-- What `require "predibase"` says when Lua, lua-cjson, libcurl or a C module does not suit it. The
-- programs run in child processes, in which one of them is replaced.
local child = require "spec.support.child"
local libcurl_file = require "predibase.requirements.libcurl_file"
local requirements = require "predibase.requirements"
local scratch = require "spec.support.scratch"

local ABI = _VERSION:match "%d+%.%d+"

--- Runs a program; returns what it printed, with the message of its error.
local function run (program, env)
  local lua = child.start(child.interpreter(), { args = { "-e", program }, env = env })
  local code = lua:wait()
  return lua.stdout .. lua.stderr, code
end

--- Runs `require "predibase"` after `before`, and returns the error that it raised.
local function error_after (before, env)
  local text, code = run(before .. [[

    local ok, err = pcall(require, "predibase")
    assert(not ok, "nothing was wrong")
    io.write(err)]], env)
  assert.equal(0, code, text)
  return text
end

local folder

setup(function () folder = scratch.new() end)

teardown(function () scratch.remove(folder) end)

describe("the version of Lua", function ()
  it("may be 5.1 to 5.5 or LuaJIT 2.1", function ()
    for _, version in ipairs { "Lua 5.1", "Lua 5.2", "Lua 5.3", "Lua 5.4", "Lua 5.5" } do
      assert.is_nil(requirements.lua_problem(version, nil))
    end
    assert.is_nil(requirements.lua_problem("Lua 5.1", { version = "LuaJIT 2.1.0-beta3",
      version_num = 20100 }))
  end)

  it("is refused when it is older or newer, with what was found", function ()
    for _, version in ipairs { "Lua 5.0", "Lua 5.6", "Lua 6.0", "Luau" } do
      local text = requirements.lua_problem(version, nil)
      assert.matches("^predibase needs Lua 5%.1 to 5%.5 or LuaJIT 2%.1%.\n", text)
      assert.truthy(text:find("Found: " .. version .. "\n", 1, true), text)
    end
    assert.matches("Found: LuaJIT 2%.0%.5\n", requirements.lua_problem("Lua 5.1",
      { version = "LuaJIT 2.0.5", version_num = 20005 }))
  end)

  it("is checked by require, also by that of a part", function ()
    assert.matches("^predibase needs Lua 5.1 to 5.5 .*Found: Lua 5%.6\n",
      error_after '_VERSION = "Lua 5.6"')
    assert.matches("needs Lua 5%.1 to 5%.5", (run '_VERSION = "Lua 5.6" require "predibase.json"'))
  end)
end)

describe("lua-cjson", function ()
  it("is asked for when it is missing", function ()
    local text = error_after [[
      local seen = {}
      for _, name in ipairs { "path", "cpath" } do
        seen[name] = package[name]
        package[name] = ""
      end
      table.insert(package.loaders or package.searchers, 1, function (name)
        if name == "cjson" then return nil end
        for _, path in pairs(seen) do
          for template in path:gmatch "[^;]+" do
            local file = template:gsub("%?", (name:gsub("%.", "/")))
            if file:find "%.lua$" and io.open(file) then return loadfile(file) end
          end
        end
      end)]]
    assert.matches('^predibase needs lua%-cjson 2%.1 or newer%.\n'
      .. '  Found: no module "cjson" that could be loaded\n', text)
    assert.truthy(text:find("apt-get install lua-cjson", 1, true), text)
    assert.truthy(text:find("luarocks --lua-version=" .. ABI .. " install lua-cjson", 1, true),
      text)
    assert.matches("module 'cjson' not found", text)
  end)

  it("is refused when it fails while it is loaded, with its error", function ()
    local text = error_after 'package.preload.cjson = function () error "broken file" end'
    assert.matches("^predibase needs lua%-cjson", text)
    assert.matches("The message of require: .*broken file", text)
  end)

  it("must have what the library uses", function ()
    local cases = {
      { "true", "no table, but a boolean" },
      { "{}", "no function new" },
      { "{ new = function () end }", "no value null" },
      { "{ new = function () end, null = 1 }", "no instance from new" },
      { '{ new = function () return { decode = print } end, null = 1, _VERSION = "1.0.4" }',
        "no function encode" },
    }
    for _, case in ipairs(cases) do
      local text = error_after("package.preload.cjson = function () return " .. case[1] .. " end")
      assert.truthy(text:find("which has " .. case[2] .. "\n", 1, true), text)
    end
    local text = error_after("package.preload.cjson = function () return " .. cases[5][1] .. " end")
    assert.truthy(text:find('a module "cjson", version 1.0.4 in package.preload', 1, true), text)
  end)

  it("must encode as the library relies on", function ()
    local text = error_after [[
      local cjson = require "cjson"
      local new = cjson.new
      cjson.new = function ()
        local made = new()
        made.encode = function () return '\\n\\nb"' end
        return made
      end]]
    assert.truthy(text:find("an encode that writes wrong strings", 1, true), text)
  end)

  it("must decode as the library relies on", function ()
    local cjson = require "cjson"
    local function with (decode)
      return { null = cjson.null, new = function ()
        local instance = {}
        for name, value in pairs(cjson.new()) do instance[name] = value end
        instance.decode = decode
        return instance
      end }
    end
    assert.matches("null for null", requirements.cjson_problem(with(function () return {} end)))
    assert.matches("raises an error for bad JSON", requirements.cjson_problem(with(function (text)
      local ok, value = pcall(cjson.decode, text)
      return ok and value or nil
    end)))
    assert.is_nil(requirements.cjson_problem(with(cjson.decode)))
    assert.is_nil(requirements.cjson_problem(cjson))
  end)

  it("leaves an interruption while it is loaded to the program", function ()
    local text = error_after 'package.preload.cjson = function () error("interrupted!", 0) end'
    assert.matches("interrupted!", text)
    assert.is_nil(text:find("predibase needs", 1, true))
  end)
end)

describe("a C module", function ()
  --- The error when the C modules come from the folder `where`.
  local function error_from (where)
    -- An interpreter that was built from sources has the other modules in build/…/lib/lua.
    return error_after(([[package.cpath = %q .. package.cpath:gsub("[^;]*/build/[^;]*;",
      function (entry) return entry:find("/lib/lua/", 1, true) and entry or "" end)]])
      :format(where .. "/?.so;"))
  end

  it("that is not built is asked for, with the places where Lua looked", function ()
    local text = error_from(folder .. "/empty")
    assert.matches("^predibase needs its C module predibase%.curl, built for " .. _VERSION
      .. "%.\n  Found: no such module in package%.cpath\n", text)
    assert.matches("make build", text)
    assert.truthy(text:find(folder .. "/empty/predibase/curl.so", 1, true), text)
  end)

  it("that cannot be loaded is named, with the message of the loader", function ()
    os.execute("mkdir -p '" .. folder .. "/text/predibase'")
    scratch.write(folder .. "/text/predibase/curl.so", "no library\n")
    local text = error_from(folder .. "/text")
    assert.truthy(text:find("Found: a module that could not be loaded in " .. folder
      .. "/text/predibase/curl.so\n", 1, true), text)
    assert.matches("The message of require: error loading module 'predibase%.curl'", text)
  end)

  it("that was built for another Lua is recognised", function ()
    local other = ABI == "5.4" and "lua5.1" or "lua5.4"
    local file = io.open("build/" .. other .. "/predibase/curl.so")
    if not file then pending(other .. " is not built") return end
    file:close()
    local text = error_from("build/" .. other)
    assert.truthy(text:find("Found: a module that was built for another Lua in build/" .. other
      .. "/predibase/curl.so\n", 1, true), text)
  end)

  it("of another version than the Lua files is refused, with both places", function ()
    local text = error_after [[
      package.preload["predibase.curl"] = function () return { _VERSION = "0.0.9" } end]]
    assert.truthy(text:find("predibase needs its C module predibase.curl in version "
      .. require "predibase.version" .. ", that of its Lua files in ", 1, true), text)
    assert.truthy(text:find("requirements.lua.\n  Found: version 0.0.9 in package.preload\n", 1,
      true), text)
    assert.matches("version unknown in package%.preload", error_after [[
      package.preload["predibase.curl"] = function () return {} end]])
  end)

  it("says that libcurl is missing when the loader misses it", function ()
    for _, message in ipairs { "libcurl.so.4: cannot open shared object file: No such file",
      "x.so: undefined symbol: curl_multi_poll",
      "Library not loaded: /usr/lib/libcurl.4.dylib" } do
      local text = error_after(([[
        package.preload["predibase.curl"] = function () error(%q) end]]):format(message))
      assert.matches("^predibase needs libcurl 7%.68 or newer%.\n", text)
      assert.truthy(text:find("apt-get install libcurl4-openssl-dev", 1, true), text)
      assert.truthy(text:find(message, 1, true), text)
    end
  end)

  it("carries the version of the Lua files", function ()
    for _, name in ipairs { "sse", "curl", "interrupt", "replace", "folder", "append", "done",
      "descriptor", "json_text", "text_filter" } do
      assert.equal(require "predibase.version", requirements.load("predibase." .. name)._VERSION)
    end
  end)
end)

describe("libcurl", function ()
  local preload

  setup(function ()
    preload = folder .. "/other_libcurl.so"
    local compiler = child.start("cc", { args = { "-std=c99", "-D_GNU_SOURCE", "-shared", "-fPIC",
      "-o", preload, "spec/support/other_libcurl.c" }, env = child.STRANGER })
    assert(compiler:wait() == 0, compiler.stderr)
    local before = os.getenv "LD_PRELOAD"
    if before and before ~= "" then preload = before .. ":" .. preload end
  end)

  --- Runs a program on a libcurl that has this version and these protocols.
  local function with (number, last_protocol)
    return { LD_PRELOAD = preload, OTHER_LIBCURL = number .. " " .. last_protocol }
  end

  it("is refused when it is too old", function ()
    local text = error_after("", with("074300", "https"))
    assert.matches("^predibase needs libcurl 7%.68 or newer%.\n  Found: libcurl another one in /",
      text)
    assert.truthy(text:find("other_libcurl.so", 1, true), text)
    assert.equal("ok", (run('require "predibase" io.write "ok"', with("089900", "https"))))
  end)

  describe("whose file shows that it will do", function ()
    -- A stand-in for the C module: only the name of the library that it needs is read.
    local function module_with (head)
      local path = folder .. "/head.so"
      scratch.write(path, head)
      return path
    end

    --- What is foreseen with a cache of the loader that has a libcurl of this version.
    local function foreseen (version, head, copies)
      local library = folder .. "/libcurl.so.4"
      scratch.write(library, ("\0"):rep(200000) .. "\0libcurl/" .. version .. "\0"
        .. ("\0"):rep(50000))
      local cache = folder .. "/ld.so.cache"
      scratch.write(cache, "glibc-ld.so.cache1.1\0libcurl.so.4x\0"
        .. ("libcurl.so.4\0" .. library .. "\0"):rep(copies or 1))
      return libcurl_file.will_do(module_with(head or "\127ELF\0libcurl.so.4\0"), cache)
    end

    local preloaded

    setup(function ()
      for _, name in ipairs { "LD_PRELOAD", "LD_LIBRARY_PATH" } do
        preloaded = preloaded or (os.getenv(name) or "") ~= ""
      end
    end)

    it("need not be loaded", function ()
      if preloaded then pending "the loader is directed by variables" return end
      assert.is_true(foreseen "7.85.0")
      assert.is_true(foreseen "8.14.1")
    end)

    it("is loaded when that cannot be told", function ()
      assert.is_false(foreseen "7.68.0")
      assert.is_false(foreseen "unknown")
      assert.is_false(foreseen("8.14.1", "libcurl.so.4"))
      assert.is_false(foreseen("8.14.1", "\127ELF\0libcurl.so.5\0"))
      assert.is_false(foreseen("8.14.1", nil, 2))
      assert.is_false(libcurl_file.will_do(module_with "\127ELF\0libcurl.so.4\0",
        folder .. "/missing"))
      assert.is_false(libcurl_file.will_do(folder .. "/missing.so"))
      local lua = 'io.write(tostring(require "predibase.requirements.libcurl_file".will_do("'
        .. module_with "\127ELF\0libcurl.so.4\0" .. '")))'
      assert.equal("false", (run(lua, { LD_LIBRARY_PATH = "/nowhere" })))
    end)
  end)

  it("is refused when it has no HTTP", function ()
    assert.matches("^predibase needs a libcurl with HTTP%.\n.*which was built without it\n",
      error_after("", with("089900", "file")))
  end)

  it("without TLS makes clients for http only", function ()
    local text, code = run([[
      local new = require "predibase".new
      local client = assert(new { base_url = "http://127.0.0.1:1", api_token = false })
      local made, err = new { base_url = "https://127.0.0.1:1", api_token = false }
      print(made, err.kind, err.message)
      made, err = client:with { base_url = "https://127.0.0.1:1", api_token = false }
      print(made, err.kind, err.message)
      made, err = client:generate("x", { max_retries = 0 })
      print(made, err.kind, err.message)]], with("089900", "http"))
    assert.equal(0, code, text)
    local expected = "nil\tconfig\thttps URLs need a libcurl with TLS; found libcurl another one "
      .. "in "
    local first, second, third = text:match "^(.-)\n(.-)\n(.-)\n$"
    assert.equal(expected, first:sub(1, #expected))
    assert.equal(first, second)
    assert.matches("^nil\tconnection\t.*Connection refused", third)
  end)

  it("may not be older than the option that the module was compiled with", function ()
    local facts = { version = "7.84.0", number = 0x075400, built = 0x080E01,
      protocols = { http = true } }
    assert.matches("^predibase needs libcurl 7%.85 or newer when it was compiled with the headers "
      .. "of 8%.14%.1%.\n  Found: libcurl 7%.84%.0\n", requirements.libcurl_problem(facts))
    facts.built = 0x075400
    assert.is_nil(requirements.libcurl_problem(facts))
    facts.number = 0x074400
    assert.is_nil(requirements.libcurl_problem(facts))
  end)

  it("of old headers does not compile", function ()
    scratch.write(folder .. "/old.c", "#define LIBCURL_VERSION_NUM 0x074300\n"
      .. "#define CURLINC_CURL_H\n#define __CURL_CURL_H\n#include \"libcurl.h\"\n")
    local compiler = child.start("cc", { args = { "-fsyntax-only", "-Isrc", folder .. "/old.c" },
      env = child.STRANGER })
    assert.not_equal(0, compiler:wait())
    assert.matches("predibase needs the headers of libcurl 7%.68 or newer", compiler.stderr)
  end)
end)

describe("the command", function ()
  it("prints what is missing, without a traceback", function ()
    for name, needed in pairs { cjson = "lua%-cjson 2%.1 or newer",
      argparse = "lua%-argparse 0%.7 or newer for its command" } do
      local program = ("package.preload[%q] = function () error 'gone' end dofile 'bin/predibase'")
        :format(name)
      local command = child.start(child.interpreter(), { args = { "-e", program } })
      assert.equal(2, command:wait())
      assert.matches("^predibase needs " .. needed, command.stderr)
      assert.is_nil(command.stderr:find("traceback", 1, true))
      assert.equal("", command.stdout)
    end
  end)
end)

if rawget(_G, "jit") then
  describe("inside nginx, require", function ()
    local in_nginx = require "spec.support.in_nginx"

    --- The error of `require "predibase"` after `before`.
    local function error_in_nginx (before)
      local process = in_nginx.eval(before .. [[

        local ok, err = pcall(require, "predibase")
        io.write(tostring(ok), " ", ok and "" or err, "\n")
        io.write(tostring(package.loaded["predibase.curl"]), "\n")]])
      assert.equal(0, process.exit_code, process.stderr)
      return process.stdout
    end

    it("checks the parser of streams instead of libcurl", function ()
      assert.equal("true \nnil\n", error_in_nginx "")
      local text = error_in_nginx [[
        package.loaded["predibase.sse"] = { _VERSION = "0.0.9" }
        package.loaded["predibase"] = nil]]
      assert.matches("^false predibase needs its C module predibase%.sse in version ", text)
      assert.matches("Found: version 0%.0%.9", text)
    end)

    it("asks for lua-cjson", function ()
      assert.matches("^false predibase needs lua%-cjson 2%.1 or newer", error_in_nginx [[
        for name in pairs(package.loaded) do
          if name:find "^predibase" then package.loaded[name] = nil end
        end
        package.loaded.cjson = {}]])
    end)
  end)
end
