-- SPDX-License-Identifier: MIT
-- Compares the editor types with the library: the names that each public module exports, the
-- methods of the objects that it makes, and the options that each function accepts.
-- usage: lua5.4 tools/check-types.lua      (after make build and make types)

package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
package.cpath = (os.getenv "BUILDDIR" or "build") .. "/lua5.4/?.so;" .. package.cpath

local declared = dofile "tools/docs/declared.lua"
local lists = dofile "tools/docs/modules.lua"

local failures, compared = 0, 0
local function fail (...)
  failures = failures + 1
  io.stderr:write("types: ", string.format(...), "\n")
end

local function sorted (set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = tostring(name) end
  table.sort(list)
  return list
end

--- Compares two sets of names.
local function compare (what, typed, real)
  compared = compared + 1
  for _, name in ipairs(sorted(real)) do
    if not typed[name] then fail("%s: %s is missing in the types", what, name) end
  end
  for _, name in ipairs(sorted(typed)) do
    if not real[name] then fail("%s: the library has no %s", what, name) end
  end
end

-- Modules.

--- Stands for the functions of nginx and LuaJIT that some modules take when they are loaded.
local stub = setmetatable({}, {
  __index = function (self) return self end, __call = function (self) return self end,
  __concat = function () return "" end,
})

local function exports (module)
  local found = {}
  for name in pairs(module) do
    if not name:find "^_" or name == "_VERSION" then found[name] = true end
  end
  return found
end

--- Loads the modules that run only inside nginx.
local function load_nginx_modules ()
  ngx, package.loaded.ffi = stub, stub            -- luacheck: ignore 111
  for _, name in ipairs { "resty.core.base", "resty.redis", "ngx.semaphore" } do
    package.loaded[name] = stub
  end
  for _, group in ipairs(lists.public) do
    for i = 2, #group do
      if group[i]:find "%.resty" then require(group[i]) end
    end
  end
  ngx, package.loaded.ffi = nil, nil              -- luacheck: ignore 111
end

local function check_modules (classes)
  for _, group in ipairs(lists.public) do
    for i = 2, #group do
      local module = require(group[i])
      -- These are loaded when a program first names them.
      if group[i] == "predibase" then
        for _, name in ipairs { "similarity", "image", "template", "chat" } do
          assert(module[name], name)
        end
      end
      local names = declared.methods(classes, group[i], declared.fields(classes, group[i]))
      compare(group[i], names, exports(module))
    end
  end
end

-- Objects.

--- Returns the names of the methods of an object.
local function methods (object)
  local found = {}
  local meta = getmetatable(object)
  local class = type(meta.__index) == "table" and meta.__index or meta
  for name, value in pairs(class) do
    if type(value) == "function" and not name:find "^_" then found[name] = true end
  end
  return found
end

local OPTIONS = { base_url = "http://127.0.0.1:9", max_retries = 0 }

--- Makes an object of each class: class -> object.
local function make_objects (predibase)
  local client = assert(predibase.new(OPTIONS))
  local rows = require "predibase.bulk.rows"
  local jinja = require "predibase.template.jinja"
  local format = assert(predibase.template.chat "llama-3")
  local session = assert(client:chat_session { format = "llama-3" })
  local path = os.tmpname()
  local writer = assert(rows.create(path, { format = "csv", columns = { "a" } }))
  writer:close()
  local objects = {
    Client = client, Stream = client:generate_stream "x", Batch = client:generate_many { "x" },
    Adapter = client:adapter "x", Session = session, RunStream = session:run_stream "x",
    BulkRun = client:run_bulk { rows = {} },
    RowReader = assert(rows.open(path, { format = "csv" })), RowWriter = writer,
    Template = assert(predibase.template.new "x"), ChatFormat = format,
    AnswerReader = assert(format:reader()), JinjaTemplate = assert(jinja.compile "x"),
    Splitter = require "predibase.reasoning".new { open = "<a>", close = "</a>" },
    Validator = require "predibase.validator".new "{}",
    Evaluation = assert(require "predibase.bulk.evaluation".new { column = "a" }),
    Figures = require "predibase.bulk.figures".new { clock = os.clock },
    Loop = require "predibase.loop.blocking".new(),
    LuvLoop = require "predibase.loop.luv".new { uv = stub, schedule = print },
    Task = require "predibase.async".spawn(function () end),
    OpenaiChunks = require "predibase.resty.openai_answers".chunks("chat",
      { id = "x", created = 1, model = "m" }),
    MockServer = assert(require "predibase.mock".listen()),
  }
  os.remove(path)
  return objects
end

local function check_objects (classes, aliases, predibase)
  for name, object in pairs(make_objects(predibase)) do
    -- The class of which there are variants has the methods of any of them.
    local class = "predibase." .. name
    class = aliases[class] and aliases[class]:match "^[%w_.]+" or class
    compare("the methods of " .. name, declared.methods(classes, class), methods(object))
  end
end

-- Options.

local NO_OPTION = "zzz_no_option"

--- Calls a function with an option that does not exist. Returns the set of the options that it
-- accepts, which it passes to `predibase.option_names`.
local function accepted (call)
  local names = require "predibase.option_names"
  local original, found = names.check, nil
  function names.check (options, allowed, what)
    if options[NO_OPTION] then found = found or allowed end
    return original(options, allowed, what)
  end
  pcall(call, { [NO_OPTION] = 1 })
  names.check = original
  return found or {}
end

local function union (a, b)
  local all = {}
  for name in pairs(a) do all[name] = true end
  for name in pairs(b) do all[name] = true end
  return all
end

--- Returns functions that pass options to a client: class -> function, or array of functions.
local function takers_of_client (predibase, client)
  local over_chat = assert(client:chat_session { over = "chat" })
  local over_generate = assert(client:chat_session { format = "llama-3" })
  return {
    ClientOptions = predibase.new,
    GenerateOptions = function (o) client:generate("x", o) end,
    GenerateStreamOptions = function (o) client:generate_stream("x", o) end,
    GenerateJsonOptions = function (o) client:generate_json("x", o) end,
    GenerateManyOptions = function (o) client:generate_many({}, o) end,
    ChatOptions = function (o) client:chat_completion({}, o) end,
    ChatStreamOptions = function (o) client:chat_completion_stream({}, o) end,
    ChatJsonOptions = function (o) client:chat_completion_json({}, o) end,
    ChatManyOptions = function (o) client:chat_completion_many({}, o) end,
    CompletionOptions = function (o) client:completion("x", o) end,
    CompletionStreamOptions = function (o) client:completion_stream("x", o) end,
    TokenizeOptions = function (o) client:tokenize("x", o) end,
    EmbedOptions = function (o) client:embed("x", o) end,
    ClassifyOptions = function (o) client:classify("x", o) end,
    CallOptions = function (o) client:info(o) end,
    MetricsOptions = function (o) client:metrics(o) end,
    RequestOptions = function (o) client:request("GET", "/", nil, o) end,
    WaitOptions = function (o) client:wait_ready(o) end,
    AdapterOptions = function (o) client:adapter("x", o) end,
    BulkOptions = function (o) client:run_bulk(o) end,
    SessionOptions = { function (o) client:chat_session(o) end, function (o)
      o.over = "chat"
      client:chat_session(o)
    end },
    SendOptions = { function (o) over_chat:send("x", o) end,
      function (o) over_generate:send("x", o) end },
    RunOptions = { function (o) over_chat:run("x", o) end,
      function (o) over_generate:run("x", o) end },
    Timeouts = function (o) client:generate("x", { timeout = o }) end,
    RateLimit = function (o) predibase.new { base_url = OPTIONS.base_url, rate_limit = o } end,
    MergedAdapters = function (o) client:generate("x", { merged_adapters = o }) end,
  }
end

--- Does the same for other functions.
local function takers_of_modules (predibase, client)
  local template, rows = predibase.template, require "predibase.bulk.rows"
  local format, text = assert(template.chat "llama-3"), assert(template.new "x")
  local jinja = require "predibase.template.jinja"
  return {
    ImageOptions = predibase.image,
    TemplateOptions = function (o) template.new("x", o) end,
    TemplateRenderOptions = function (o) text:render({}, o) end,
    RenderOptions = function (o) format:render({}, o) end,
    ParseOptions = function (o) format:parse("x", o) end,
    TokenizerOptions = function (o) template.from_tokenizer_config({}, o) end,
    JinjaOptions = function (o) jinja.compile("x", o) end,
    RowsOptions = function (o) rows.open("x", o) end,
    MergeOptions = function (o) require "predibase.bulk".merge("x", o) end,
    RelayOptions = function (o)
      require "predibase.resty".relay(client:generate_stream "x", o)
    end,
    LimitsOptions = function (o) require "predibase.resty".limits(o) end,
    RedisOptions = function (o)
      require "predibase.resty".limits { redis = o, streams = 1, on_redis_down = "allow" }
    end,
    MockOptions = function (o) require "predibase.mock".listen(o) end,
    MockSpawnOptions = function (o) require "predibase.mock".spawn(o) end,
    MockFaults = function (o) require "predibase.mock.faults".check(o) end,
    Message = function (o) require "predibase.wire_messages".check { o } end,
  }
end

local function check_options (classes, takers)
  for name, calls in pairs(takers) do
    local real = {}
    for _, call in ipairs(type(calls) == "table" and calls or { calls }) do
      real = union(real, accepted(call))
    end
    compare(name, declared.fields(classes, "predibase." .. name), real)
  end
end

local classes, aliases = declared.read()
local predibase = require "predibase"
assert(predibase.new(OPTIONS))
load_nginx_modules()
check_modules(classes)
check_objects(classes, aliases, predibase)
local client = assert(predibase.new(OPTIONS))
check_options(classes, takers_of_client(predibase, client))
check_options(classes, takers_of_modules(predibase, client))
print(("%d modules, objects and tables of options compared"):format(compared))
os.exit(failures == 0 and 0 or 1)
