-- SPDX-License-Identifier: MIT
--- Programs in which reading a global that nothing declared is an error, as strict.lua, Penlight's
-- pl.strict and Tarantool's strict mode make it.
local child = require "spec.support.child"

local PROGRAM = [=[
setmetatable(_G, {
  __newindex = function (_, name) error("global '" .. tostring(name) .. "' was set", 2) end,
  __index = function (_, name) error("global '" .. tostring(name) .. "' is not declared", 2) end,
})
for name in NAMES do require(name) end
local predibase = require "predibase"
local client = assert(predibase.new { base_url = "http://127.0.0.1:1", api_token = false,
  max_retries = 0 })
print(select(2, client:generate "Gr\195\188\195\159e").kind)
print(select(2, client:generate_stream("Hi", { client_stop = "x" }):text()).kind)
print(client:generate_many({ "a" }):results()[1])
local session = assert(client:chat_session { format = "chatml", max_new_tokens = 3 })
print(select(2, session:send "Hi").kind)
print((require "predibase.async".run(function () return 5 end)))
client:close()
]=]

--- All modules but those that only nginx can load.
local function modules ()
  local list = {}
  local files = io.popen "find lua/predibase -name '*.lua'"
  for path in files:lines() do
    local name = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    local excluded = name:find "resty" or name == "predibase.nginx"
      or name == "predibase.loop.cqueues"
    if not excluded then list[#list + 1] = name end
  end
  files:close()
  table.sort(list)
  return list
end

describe("a program with strict globals", function ()
  it("can load every module and make calls", function ()
    local list = modules()
    assert.is_true(#list > 50)
    local names = ("(%q):gmatch %q"):format(table.concat(list, " "), "%%S+")
    local program = child.start(child.interpreter(), {
      args = { "-e", (PROGRAM:gsub("NAMES", names)) },
    })
    assert.equal(0, program:wait(), program.stderr)
    assert.equal("connection\nconnection\nfalse\nconnection\n5\n", program.stdout)
  end)
end)
