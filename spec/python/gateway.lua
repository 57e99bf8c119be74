-- SPDX-License-Identifier: MIT
-- Starts the gateway of examples/openresty in front of stand-in servers, and runs a program with
-- the variables GATEWAY (a model that answers), GATEWAY_TOOLS (one that calls a tool first, and
-- then answers), GATEWAY_BROKEN (one whose streams break off) and GATEWAY_KEY.
-- usage: luajit spec/python/gateway.lua PROGRAM [ARGUMENT]...

local child = require "spec.support.child"
local nginx = require "spec.support.nginx"
local openresty_site = require "spec.support.openresty_site"
local server = require "spec.support.server"

local KEY = "sk-gateway"

-- What a model of the format qwen-2.5 writes to call a tool.
local CALL = { "<tool_call>", "\n", '{"name": "weather",', ' "arguments": {"city": "Kö',
  'ln"}}', "\n", "</tool_call>" }

local function gateway (script, env)
  local model = server.spawn { max_seconds = 300, script = script }
  local all = { PREDIBASE_BASE_URL = model.url, GATEWAY_ADAPTERS = "my-repo/3 missing/1",
    GATEWAY_KEY = KEY, CHAT_FORMAT = "chatml" }
  for name, value in pairs(env or {}) do all[name] = value end
  return openresty_site.start(all).url .. "v1"
end

local function run (program, args)
  local two = { { answer = CALL }, { answer = { "It is", " sunny", "." } } }
  local running = child.start(program, { args = args, env = {
    LD_PRELOAD = "", GATEWAY_KEY = KEY,
    GATEWAY = gateway(),
    GATEWAY_TOOLS = gateway({ ["/generate"] = two, ["/generate_stream"] = two },
      { CHAT_FORMAT = "qwen-2.5" }),
    GATEWAY_BROKEN = gateway {
      ["/generate"] = { status = 429, body = "slow down", headers = { ["retry-after"] = "1" } },
      ["/generate_stream"] = { answer = { "one", " two", " three" }, error_after = 2,
        error_type = "generation", error = "CUDA out of memory" },
    },
  } })
  local code = running:wait()
  io.stdout:write(running.stdout)
  io.stderr:write(running.stderr)
  return code
end

local args = {}
for i = 2, #arg do args[i - 1] = arg[i] end
local ok, code = pcall(run, arg[1], args)
nginx.stop()
server.stop()
if not ok then error(code, 0) end
os.exit(code)
