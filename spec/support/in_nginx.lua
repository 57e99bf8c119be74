-- SPDX-License-Identifier: MIT
-- Runs Lua programs inside a real nginx, as if it were an interpreter: nginx has one process, whose
-- first timer runs the program. The program's output and exit code become those of nginx.
--
--    local run = in_nginx.run { "spec/stream_spec.lua" }     -- busted, as TAP
--    local run = in_nginx.eval [[ print(ngx.get_phase()) ]]
--
-- nginx contains LuaJIT, so the specs that use this module run only on LuaJIT.

local child = require "spec.support.child"
local scratch = require "spec.support.scratch"
local selected = require "spec.support.selected"
local uv = require "luv"

local M = {}

--- The folders in which distributions keep nginx's modules.
local DIRECTORIES = { "/usr/lib/nginx/modules", "/usr/lib64/nginx/modules",
  "/usr/local/nginx/modules" }

--- Returns the lines of nginx.conf that load the Lua module; none if it is built in, as in
-- OpenResty.
function M.modules ()
  for _, directory in ipairs(DIRECTORIES) do
    if uv.fs_stat(directory .. "/ngx_http_lua_module.so") then
      return ("load_module %s/ndk_http_module.so;\nload_module %s/ngx_http_lua_module.so;\n")
        :format(directory, directory)
    end
  end
  return ""
end

--- The Lua search paths for nginx: this checkout, nginx's own modules, and what tools/setup.sh
-- fetched.
function M.paths ()
  return ('lua_package_path "%s";\nlua_package_cpath "%s";\n'):format(
    package.path .. ";/usr/share/lua/5.1/?.lua;./build/?.lua;;", package.cpath .. ";;")
end

-- The specs open hundreds of streams, and a stream whose end is not sent keeps its connection for a
-- moment.
local FRAME = [[
daemon off;
master_process off;
%s%s%s
pid nginx.pid;
error_log stderr notice;
events { worker_connections 2048; }
http {
access_log off;
client_body_temp_path body;
proxy_temp_path proxy;
fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi;
scgi_temp_path scgi;
lua_socket_log_errors off;
%s%s
# luv runs its callbacks in the Lua thread that loaded it, which must not be one that yields.
init_by_lua_block { require "luv" }
%s
}
]]

local FIRST_TIMER = [[
init_worker_by_lua_block {
  ngx.timer.at(0, function () require "spec.support.in_nginx_main" () end)
}
]]

-- nginx 1.30 with ngx_lua 0.10.29 crashes when a configuration has init_worker_by_lua and
-- lua_ssl_trusted_certificate. With that directive a request starts the program.
local FIRST_REQUEST = [[
server {
  listen unix:%s/begin;
  location / { content_by_lua_block {
    ngx.timer.at(0, function () require "spec.support.in_nginx_main" () end)
  } }
}
]]

--- Returns `env` directives, because nginx passes only listed variables to its workers.
local function environment (env)
  local lines = {}
  for _, pair in ipairs(child.environment(env)) do
    lines[#lines + 1] = ("env %s;\n"):format(pair:match "^([^=]+)")
  end
  return table.concat(lines)
end

--- Variables that a build with sanitizers needs inside nginx: they preload the sanitizers'
-- libraries, and ignore memory that nginx and LuaJIT do not free at exit.
-- @treturn table variables
function M.sanitizers ()
  local options = os.getenv "ASAN_OPTIONS"
  return { LD_PRELOAD = os.getenv "LD_PRELOAD" or "",
    ASAN_OPTIONS = options and options .. ":detect_leaks=0" }
end

--- Sends the request that starts the program, as soon as nginx listens.
local function send_request (process)
  local function try ()
    local pipe, timer = uv.new_pipe(false), uv.new_timer()
    pipe:connect(process.dir .. "/begin", function (problem)
      if problem then
        pipe:close()
        timer:start(20, 0, function ()
          timer:close()
          if not process.ended then try() end
        end)
        return
      end
      timer:close()
      pipe:write("GET / HTTP/1.0\r\n\r\n", function () pipe:close() end)
    end)
  end
  try()
end

-- What tools/faults.sh and tools/coverage.sh set.
local OWN = { "SELECTED", "FAULT_CALLS", "FAULT_DAMAGES", "TEST_PATIENCE" }

--- Starts a program in nginx.
-- @tparam table env variables, among them PROGRAM
-- @tparam ?string http lines for the block `http`
-- @treturn table see `spec.support.child`, with `dir`
local function start (env, http)
  local dir = scratch.new()
  local by_request = http and http:find("lua_ssl_trusted_certificate", 1, true)
  for name, value in pairs(M.sanitizers()) do env[name] = env[name] or value end
  for _, name in ipairs(OWN) do env[name] = os.getenv(name) end
  env.INTERPRETER = child.interpreter()      -- for processes that the program starts
  scratch.write(dir .. "/nginx.conf", FRAME:format(M.modules(),
    uv.getuid() == 0 and "user root;\n" or "", environment(env), M.paths(), http or "",
    by_request and FIRST_REQUEST:format(dir) or FIRST_TIMER))
  env.PATH = os.getenv "PATH" .. ":/usr/sbin"
  local process = child.start("nginx", { args = { "-p", dir, "-c", dir .. "/nginx.conf",
    "-e", "stderr" }, env = env })
  process.dir = dir
  if by_request then send_request(process) end
  return process
end

-- A whole spec may take as long as tools/test-one.sh lets it. In milliseconds.
local SPEC_PATIENCE = tonumber(os.getenv "TEST_TIMEOUT" or 300) * 1000

--- Removes the files of a program of `M.start` that has ended.
function M.remove (process)
  process.ended = true
  scratch.remove(process.dir)
end

local function finish (process, patience)
  process.exit_code = process:wait(patience)
  M.remove(process)
  return process
end

--- Starts Lua code in nginx.
-- @tparam string code
-- @tparam ?table env more variables
-- @tparam ?string http lines for the block `http`
-- @treturn table the process (see `spec.support.child`), for `M.finish` or `M.remove`
function M.start (code, env, http)
  local all = { PROGRAM = code }
  for name, value in pairs(env or {}) do all[name] = value end
  return start(all, http)
end

--- Waits for the end of a process of `M.start`.
-- @tparam table process
-- @tparam number patience in milliseconds
-- @treturn table `exit_code`, `stdout`, `stderr` (nginx's log)
M.finish = finish

--- Runs Lua code in nginx and waits for its end.
-- @tparam string code
-- @tparam ?table env more variables
-- @tparam ?string http lines for the block `http`
-- @tparam ?function meanwhile gets the process when it has started (see `spec.support.child`)
-- @treturn table `exit_code`, `stdout`, `stderr` (nginx's log)
function M.eval (code, env, http, meanwhile)
  local process = M.start(code, env, http)
  if meanwhile then meanwhile(process) end
  return finish(process)
end

--- Runs spec files in nginx. Returns what `eval` returns; `stdout` is TAP.
function M.run (files, env, http)
  local all = { SPECS = table.concat(files, " ") }
  for name, value in pairs(env or {}) do all[name] = value end
  return finish(start(all, http), SPEC_PATIENCE)
end

--- Returns nil and the number of tests when all tests of a run have passed. Otherwise returns a
-- text that describes the failures.
local function problems_of (process)
  local passed = 0
  for _ in process.stdout:gmatch "%f[^\n%z]ok %d" do passed = passed + 1 end
  local planned = tonumber(process.stdout:match "%f[^\n%z]1%.%.(%d+)")
  if process.exit_code == 0 and passed == planned and passed > 0 then return nil, passed end
  return ("exit code %s, %d of %s passed\n%s%s"):format(tostring(process.exit_code), passed,
    tostring(planned), process.stdout, process.stderr:sub(-4000))
end

--- Runs a spec file in nginx.
-- @treturn ?string what went wrong
-- @treturn ?number how many tests passed
function M.problems (file, env, http)
  local process = M.run({ file }, env, http)
  selected.keep("nginx." .. selected.name(file), process.stdout)
  return problems_of(process)
end

--- Calls `it` for spec files, each of which runs in a separate nginx.
-- @tparam table names without "_spec"
-- @tparam function it of busted
-- @tparam ?table env variables for the runs
-- @tparam ?string http lines for the block `http`
function M.each (names, it, env, http)
  for _, name in ipairs(names) do
    it(("every test of spec/%s_spec.lua passes"):format(name), function ()
      local problems, passed = M.problems(("spec/%s_spec.lua"):format(name), env, http)
      if problems then error(problems, 0) end
      assert(passed > 0)
    end)
  end
end

return M
