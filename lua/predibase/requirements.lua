-- SPDX-License-Identifier: MIT
--- Checks at `require` what the library needs: Lua, lua-cjson, libcurl and its own C modules.
--
-- When something is missing or has an unsupported version, `require` raises an error that says what
-- is needed, what was found and where, and how to install it. The error is a string, because the
-- `lua` program of Lua 5.1 cannot display other errors.
-- @module predibase.requirements

local host = require "predibase.host"
local lazy = require "predibase.lazy"
local advice = lazy "predibase.requirements.advice"
local libcurl_file = lazy "predibase.requirements.libcurl_file"
local loading = require "predibase.loading"
local outside_errors = require "predibase.outside_errors"
local version = require "predibase.version"

local M = {}

-- 0xXXYYZZ for X.Y.Z, as libcurl writes its version.
local OLDEST_LIBCURL = 0x074400
local NEW_PROTOCOLS = 0x075500          -- see `predibase.requirements.libcurl_file`
local OLDEST_LUAJIT = 20100             -- 2.1.0, as `jit.version_num`

local LUAS = "Lua 5.1 to 5.5 or LuaJIT 2.1"

local MIXED = { "Two installations are mixed: remove the older one, and install predibase again." }

--- Returns the first file of a module along a path of templates. Lua 5.1 has no
-- `package.searchpath`.
local function find_file (path, name)
  local inner = name:gsub("%.", "/")
  for template in tostring(path):gmatch "[^;]+" do
    local file = template:gsub("%?", inner)
    local opened = io.open(file, "rb")
    if opened then
      opened:close()
      return file
    end
  end
end

--- Returns " in FILE" for the file that `require` takes for a module, or "" when it is not known.
local function place_of (name)
  if type(package) ~= "table" then return "" end
  if type(package.preload) == "table" and package.preload[name] then
    return " in package.preload"
  end
  local file = find_file(package.path, name) or find_file(package.cpath, name)
  return file and " in " .. file or ""
end

--- Checks the version of Lua.
-- @param lua_version the value of `_VERSION`
-- @tparam ?table luajit the global `jit`; nil outside of LuaJIT
-- @treturn ?string what is wrong; nil if this Lua is supported
function M.lua_problem (lua_version, luajit)
  local number = type(luajit) == "table" and luajit.version_num
  if type(number) == "number" and number < OLDEST_LUAJIT then
    return advice.message(LUAS, tostring(luajit.version), "lua")
  end
  local minor = tonumber(tostring(lua_version):match "^Lua 5%.(%d+)$")
  if minor and minor >= 1 and minor <= 5 then return nil end
  return advice.message(LUAS, tostring(lua_version), "lua")
end

local CJSON = "lua-cjson 2.1 or newer"
local CJSON_FUNCTIONS = { "decode", "encode", "decode_invalid_numbers", "decode_max_depth",
  "encode_keep_buffer" }

--- Returns what an instance of cjson lacks, or nil. An imitation in Lua may have the names and
-- behave differently where this library relies on it.
local function lacking (cjson)
  if type(cjson) ~= "table" then return "no table, but a " .. type(cjson) end
  if type(cjson.new) ~= "function" then return "no function new" end
  if cjson.null == nil then return "no value null" end
  local instance = cjson.new()
  if type(instance) ~= "table" then return "no instance from new" end
  for _, name in ipairs(CJSON_FUNCTIONS) do
    if type(instance[name]) ~= "function" then return "no function " .. name end
  end
  local ok, value = pcall(instance.decode, '[null,"\\u00e9"]')
  if not (ok and type(value) == "table" and value[1] == cjson.null and value[2] == "\195\169") then
    return "no decode that returns null for null and UTF-8 for strings"
  end
  -- If a program exports functions that have the same names as those inside of lua-cjson, as Neovim
  -- 0.12 does, lua-cjson calls these. If they are of another version, it writes wrong strings.
  ok, value = pcall(instance.encode, "a\n\nb")
  if not ok or value ~= '"a\\n\\nb"' then
    return "an encode that writes wrong strings (if the program contains another lua-cjson, use "
      .. "one that was built with -fvisibility=hidden)"
  end
  if pcall(instance.decode, "[") then return "no decode that raises an error for bad JSON" end
  return nil
end

--- Checks a module that claims to be lua-cjson.
-- @param cjson what `require "cjson"` returned
-- @treturn ?string what is wrong; nil if the library can use it
function M.cjson_problem (cjson)
  local lack = lacking(cjson)
  if not lack then return nil end
  local known = type(cjson) == "table" and cjson._VERSION
  return advice.message(CJSON, ('a module "cjson"%s%s, which has %s'):format(
    type(known) == "string" and ", version " .. known or "", place_of "cjson", lack), "cjson")
end

--- Returns a number of libcurl as text: 0x074400 -> "7.68.0".
local function dotted (number)
  local major, rest = math.floor(number / 0x10000), number % 0x10000
  return ("%d.%d.%d"):format(major, math.floor(rest / 0x100), rest % 0x100)
end

--- Returns "libcurl 7.50.0 in /usr/lib/libcurl.so.4".
local function libcurl_found (facts)
  return "libcurl " .. tostring(facts.version) .. (facts.path and " in " .. facts.path or "")
end

--- Checks the libcurl that was loaded.
-- @tparam table facts what `predibase.curl.library` returns
-- @treturn ?string what is wrong; nil if the library can use it
function M.libcurl_problem (facts)
  if facts.number < OLDEST_LIBCURL then
    return advice.message("libcurl 7.68 or newer", libcurl_found(facts), "libcurl")
  end
  if facts.built >= NEW_PROTOCOLS and facts.number < NEW_PROTOCOLS then
    return advice.message("libcurl 7.85 or newer when it was compiled with the headers of "
      .. dotted(facts.built), libcurl_found(facts), {
        "Build predibase with the headers of that libcurl, or let the system's loader find the "
          .. "newer one (ldconfig, LD_LIBRARY_PATH)." })
  end
  if not facts.protocols.http then
    return advice.message("a libcurl with HTTP",
      libcurl_found(facts) .. ", which was built without it", "libcurl")
  end
  return nil
end

--- Checks whether the libcurl that was loaded can open a URL. One without TLS can use http only.
-- @tparam table facts what `predibase.curl.library` returns
-- @tparam string scheme "http" or "https"
-- @treturn ?string what is wrong, in one line; nil if the library can use it
function M.scheme_problem (facts, scheme)
  if scheme ~= "https" or facts.protocols.https then return nil end
  return ("https URLs need a libcurl with TLS; found %s, which was built without it"):format(
    libcurl_found(facts))
end

--- Tells whether an error says nothing about the module: loading it again may succeed.
local function is_passing (err)
  return outside_errors.is_interrupt(err) or err == "not enough memory"
end

--- Returns why `require` could not load a C module, from its message.
local function not_loaded (name, report)
  if report:find("module '" .. name .. "' not found", 1, true) then
    return advice.message(("its C module %s, built for %s"):format(name, tostring(_VERSION)),
      "no such module in package.cpath", "build", report)
  end
  if report:find "libcurl[^/\n]*: cannot open" or report:find "undefined symbol: curl_"
    or report:find "Library not loaded: [^\n]*libcurl" then
    return advice.message("libcurl 7.68 or newer",
      "a libcurl that the system could not load, or that is too old", "libcurl", report)
  end
  local found = "a module that could not be loaded"
  if report:find "undefined symbol: lua" or report:find "version mismatch"
    or report:find "incompatible numeric types" then
    found = "a module that was built for another Lua"
  end
  return advice.message(("its C module %s, built for %s and this system"):format(name,
    tostring(_VERSION)), found .. place_of(name), "build", report)
end

--- Loads a C module of the library and checks that it belongs to these Lua files.
-- @tparam string name such as "predibase.curl"
-- @treturn table the module
-- @raise when it cannot be loaded or has another version, or when libcurl is not supported
function M.load (name)
  local ok, module = loading.try(name)
  if not ok then
    if is_passing(module) then error(module, 0) end
    error(not_loaded(name, tostring(module)), 0)
  end
  local other = type(module) == "table" and module._VERSION
  if other ~= version then
    error(advice.message(("its C module %s in version %s, that of its Lua files%s"):format(name,
      version, place_of "predibase.requirements"), ("version %s%s"):format(
      tostring(other or "unknown"), place_of(name)), MIXED), 0)
  end
  local problem = name == "predibase.curl" and M.libcurl_problem(module.library())
  if problem then error(problem, 0) end
  return module
end

--- Returns a function that returns a C module. It is loaded at its first use, and inside nginx at
-- once, see `predibase.lazy`.
-- @tparam string name as for `load`
-- @treturn function
function M.later (name)
  local loaded = host.in_nginx() and M.load(name) or nil
  return function ()
    loaded = loaded or M.load(name)
    return loaded
  end
end

--- Loads a rock that the library depends on.
local function dependency (name, needed, help)
  local ok, module = loading.try(name)
  if ok then return module end
  if is_passing(module) then error(module, 0) end
  local found = ("no module %q that could be loaded"):format(name)
  error(advice.message(needed, found, help, tostring(module)), 0)
end

local checked            -- the lua-cjson that was checked last

--- Loads lua-cjson and checks it. Inside Neovim it is the one that Neovim contains.
-- @treturn table the module
-- @raise when it is missing, or when another module has its name
function M.cjson ()
  local vim = rawget(_G, "vim")
  local contained = vim and require "predibase.requirements.neovim_json".cjson(vim)
  if contained and not lacking(contained) then return contained end
  local cjson = dependency("cjson", CJSON, "cjson")
  if cjson == checked then return cjson end
  local problem = M.cjson_problem(cjson)
  if problem then error(problem, 0) end
  checked = cjson
  return cjson
end

--- Loads lua-argparse, which only the command needs.
-- @treturn table the module
-- @raise when it is missing
function M.argparse ()
  return dependency("argparse", "lua-argparse 0.7 or newer for its command", "argparse")
end

-- Loading `predibase.curl` takes longer than the rest of `require "predibase"`, because libcurl
-- needs some thirty libraries. So it is left to the first client when the files show that the
-- module and libcurl will do. Where that cannot be told (another loader than that of glibc,
-- variables that direct the loader), they are loaded at once. In both cases `load` checks them.

local foreseen                          -- the path of the C module that can wait

--- Tells whether `predibase.curl` can wait for the first client. The module `predibase.sse`, which
-- was built and installed together with it, shows that both belong to this Lua and to these files.
local function can_wait ()
  if package.loaded["predibase.curl"] or package.preload["predibase.curl"] then return false end
  local path = find_file(package.cpath, "predibase.curl")
  if not path then return false end
  if path ~= foreseen then
    foreseen = libcurl_file.will_do(path) and pcall(M.load, "predibase.sse") and path or nil
  end
  return foreseen ~= nil
end

--- Checks and loads what a client needs. A libcurl whose file shows that it will do is left to the
-- first client.
-- @tparam boolean in_nginx inside nginx the library does not use libcurl
-- @tparam ?boolean at_once load libcurl in any case: the program is about to make a client
-- @raise when something is missing or not supported
function M.check (in_nginx, at_once)
  M.cjson()
  if in_nginx then
    M.load "predibase.sse"
  elseif at_once or not can_wait() then
    M.load "predibase.curl"
  end
end

local problem = M.lua_problem(_VERSION, rawget(_G, "jit"))
if problem then error(problem, 0) end

return M
