-- SPDX-License-Identifier: MIT
--- Turns the rows of a file into calls. A row is in one of four dialects:
--
-- * "template": any columns; a template makes the prompt of them.
-- * "prompt": `{ "prompt" }` or `{ "messages" }` (a chat completion), with parameters of the API as
--   further members, or in a member `parameters`. Other members are only columns. A plain line is a
--   prompt.
-- * "predibase": `{ "inputs", "parameters", "metadata" }`.
-- * "openai": `{ "custom_id", "method", "url", "body" }`, see
--   `predibase.bulk.dialects.openai_rows`.
--
-- The results of all calls are read in the same way: `text`, `finish_reason` and `usage`.
-- Embeddings have no `text`, but `embedding`, the vector, or `embeddings`, where the row has an
-- array of texts. The results of OpenAI's rows also have `raw_body`, the body of the answer as the
-- server sent it, and `status`.
-- @module predibase.bulk.dialects

local call = require "predibase.call"
local checks = require "predibase.value_checks"
local chat_completion = require "predibase.chat_completion"
local config = require "predibase.config"
local errors = require "predibase.errors"
local generate = require "predibase.generate"
local json = require "predibase.json"
local names = require "predibase.option_names"
local openai_rows = require "predibase.bulk.dialects.openai_rows"
local outside_errors = require "predibase.outside_errors"
local params = require "predibase.params"
local recognition = require "predibase.bulk.dialects.recognition"
local records = require "predibase.bulk.records"
local rendering = require "predibase.rendering"
local request = require "predibase.request"
local row_parameters = require "predibase.bulk.dialects.row_parameters"
local row_template = require "predibase.bulk.dialects.row_template"
local rows = require "predibase.bulk.rows"
local templates = require "predibase.template"
local usage = require "predibase.usage"

local M = {}

local null = json.null

-- What OpenAI's API calls parameters of /generate, in rows with a prompt.
local SPELLINGS = { max_tokens = "max_new_tokens", max_completion_tokens = "max_new_tokens" }

--- The options that all calls of a run may have: those of any kind of row.
M.names = request.union(generate.MANY.names, chat_completion.MANY.names)
for _, name in ipairs { "concurrency", "retry_generation" } do M.names[name] = nil end

-- Options of calls that change the text of an answer. Others are not part of the fingerprint.
local OF_ANSWERS = { "client_stop", "trim_stop", "reasoning" }

local Dialect = { __name = "predibase.bulk.dialects" }
Dialect.__index = Dialect

-- Errors of rows.

--- Returns the beginning of a message: the line of the row, or its number where it has no line.
local function place (at)
  if at.line then return ("line %d: "):format(at.line) end
  if at.number then return ("row %d: "):format(at.number) end
  return ""
end

local function refuse (at, message)
  return nil, errors.new { kind = "validation", phase = "request", retryable = false,
    line = at.line, message = place(at) .. message }
end

--- Puts the place of a row in front of the message of an error.
local function located (err, at)
  if not errors.is(err) then return select(2, refuse(at, tostring(err))) end
  return errors.add(err, { message = place(at) .. err.message, line = at.line })
end

--- Calls a function and returns its misuse as a message. Returns what the function returns; or
-- false and the message.
local function protected (f)
  local ok, first, second = usage.catch(f)
  if ok then return first, second end
  outside_errors.raise_if_outside(first, f)
  return false, tostring(first)
end

-- Rows.

--- Returns what the functions below need of a row.
local function record_of (self, row, at)
  local raw = not self.cells and type(at.raw) == "string" and at.raw:find "^%s*{" and at.raw or nil
  return { row = records.without_failure(row), at = at, raw = raw, cells = self.cells,
    is_line = self.format == "lines" }
end

--- Reads the id of a row. Returns nil without an id, and false and what is wrong.
local function id_of (self, record)
  local name = self.id or "custom_id"
  if not recognition.has(record, name) then
    if not self.id then return nil end
    return false, ('the row has no "%s", which the option id names; found: %s'):format(
      errors.excerpt(name, checks.SHOWN), recognition.fields_of(record.row))
  end
  local value = rawget(record.row, name)
  if checks.integral(value) then return json.encode(value) end
  if json.literal(value) then value = json.literal(value) end
  if type(value) == "string" and value ~= "" then return value end
  return false, ('the id "%s" must be a string that is not empty, or an integer, got %s'):format(
    errors.excerpt(name, checks.SHOWN), checks.describe(value))
end

--- Makes an entry whose route gets the parameters of the row. Returns nil and what is wrong.
local function entry_of (self, entry, own, problem)
  if not own then return nil, problem end
  if self.check then
    local ok
    ok, problem = protected(function ()
      self.check(own)
      return true
    end)
    if not ok then return nil, problem end
  end
  if next(own) ~= nil then entry.own = own end
  return entry
end

local function of_prompt (self, record, field, with_members)
  local prompt = rawget(record.row, field)
  if type(prompt) ~= "string" then
    return nil, ('"%s" must be a string, got %s'):format(field, checks.describe(prompt))
  end
  local entry = { route = generate.ROUTE, input = prompt, form = "generate" }
  if record.is_line then return entry end
  return entry_of(self, entry,
    row_parameters.read(record, params.generate, with_members, SPELLINGS))
end

local function of_messages (self, record)
  local messages, problem = row_parameters.json_value(record, "messages")
  if messages == nil then return nil, problem end
  if type(messages) ~= "table" then
    return nil, '"messages" must be an array, got ' .. checks.describe(messages)
  end
  return entry_of(self, { route = chat_completion.ROUTE, input = messages, form = "chat" },
    row_parameters.read(record, chat_completion.parameters, true))
end

-- The functions below take a record with the fields of its dialect; they return an entry, or nil
-- and what is wrong.

local function for_template (self, record)
  local input, problem = self.fill(record)
  if input == nil then return nil, problem end
  if type(input) == "string" then
    return { route = generate.ROUTE, input = input, form = "generate" }
  end
  return { route = chat_completion.ROUTE, input = input, form = "chat" }
end

local function with_prompt (self, record)
  if record.is_line then return of_prompt(self, record, "text") end
  if recognition.has(record, "messages") then return of_messages(self, record) end
  return of_prompt(self, record, "prompt", true)
end

local function of_predibase (self, record)
  local stray = row_parameters.misplaced(record, params.generate)
  if stray then
    return nil, ('"%s" is a parameter: in the dialect predibase it is a member of "parameters"')
      :format(stray)
  end
  return of_prompt(self, record, "inputs", false)
end

local function of_openai (_, record)
  local entry, problem = openai_rows.read(record)
  if not entry then return nil, problem end
  entry.openai = true
  return entry
end

local READ = { template = for_template, prompt = with_prompt, predibase = of_predibase,
  openai = of_openai }

--- Returns what is wrong with the options of all rows for this kind of row, or nil. Each kind is
-- checked once.
local function options_problem (self, entry)
  local key = entry.openai and "openai" or entry.form
  if self.problems[key] == nil then
    self.problems[key] = self.problem_of(entry) or false
  end
  return self.problems[key] or nil
end

--- Makes a call entry from a row.
-- @tparam table row column -> value, as a reader of `predibase.bulk.rows` returns it
-- @tparam ?table at where the row stands: `line` and `number` (for messages), `raw` (its text, from
-- which bodies and schemas are taken byte for byte), `err` (the error of a row that could not be
-- read)
-- @treturn[1] table `route` (of `predibase.request`), `input` (for the route), `own` (the options
-- of the row, or nil), `id` (string or nil), `form` ("generate", "chat", "completion" or
-- "embeddings"), `openai` (boolean: the row is in OpenAI's form), `dialect`, `at`
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "validation", with the field `line`
function Dialect:prepare (row, at)
  at = at or {}
  if at.err then return nil, at.err end
  row = json.fields(row)
  if type(row) ~= "table" or rawget(row, 1) ~= nil then
    return refuse(at, "a row must be an object, got "
      .. (type(row) == "table" and "an array" or checks.describe(row)))
  end
  local record = record_of(self, row, at)
  local dialect, problem = self.dialect, nil
  if not dialect then
    dialect, problem = recognition.find(record)
  elseif dialect ~= "template" then
    problem = recognition.problem(record, dialect)
  end
  if problem then return refuse(at, problem) end
  local entry
  entry, problem = READ[dialect](self, record)
  if not entry then return refuse(at, problem) end
  entry.id, problem = id_of(self, record)
  problem = problem or options_problem(self, entry)
  if problem then return refuse(at, problem) end
  entry.openai, entry.dialect, entry.at = entry.openai or false, dialect, at
  return entry
end

--- Returns the id of a row, without preparing its call.
-- @tparam table row
-- @tparam table at as for `prepare`
-- @treturn[1] ?string nil when the row has none
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "validation"
function Dialect:read_id (row, at)
  local id, problem = id_of(self, record_of(self, json.fields(row), at))
  if id == false then return refuse(at, problem) end
  return id
end

--- Makes the plan of an entry's request, see `predibase.request`.
-- @tparam table entry of `prepare`
-- @treturn[1] table the plan, which contains secrets
-- @treturn[2] nil
-- @treturn[2] table the error, which names the line of the row
function Dialect:plan (entry)
  local planner = self.planner_of(entry.form)
  local plan, err = protected(function () return planner(entry.route, entry.own) end)
  if plan then return plan end
  return nil, located(err, entry.at)
end

--- Makes the call of an entry, without sending it.
-- @tparam table entry of `prepare`
-- @treturn[1] table the call, see `predibase.call`
-- @treturn[2] nil
-- @treturn[2] table the error, which names the line of the row
function Dialect:call (entry)
  local plan, err = self:plan(entry)
  if not plan then return nil, err end
  local made
  made, err = protected(function ()
    return call.prepare(self.client.shared, plan, entry.input)
  end)
  if made then return made end
  return nil, located(err, entry.at)
end

--- Returns a text that is the same for two runs whose options ask for the same answers: the
-- dialect, the template, the deployment and the parameters. It contains no secret. Functions and
-- objects of the program that are templates cannot be told apart.
-- @treturn string JSON with its members in a fixed order
function Dialect:fingerprint ()
  return self.print()
end

function Dialect:__tostring ()
  return ("predibase.bulk.dialects (%s)"):format(self.dialect or "by the fields of each row")
end

-- Options.

--- Returns the text of a value for the fingerprint. Values that cannot be sent fail each call.
local function text_of (value)
  local text = json.encode(value)
  return json.raw(text or '"invalid"')
end

--- Makes the function that returns the fingerprint.
local function printer (client, dialect, source, bases)
  return function ()
    local parameters = {}
    local all = params.merge(config.defaults(client.cfg), bases.generate)
    for name, value in next, all do
      local counts = (params.names[name] or chat_completion.parameters.names[name])
        and name ~= "api_token" and value ~= null
      if counts then parameters[name] = text_of(value) end
    end
    for _, name in ipairs(OF_ANSWERS) do
      local value = all[name]
      if value == nil then value = client.cfg[name] end
      local is_default = value == nil or type(value) == "table" and next(value) == nil
        or name == "trim_stop" and value == false
      if not is_default then parameters[name] = text_of(value) end
    end
    return (json.write_members {
      { "dialect", dialect or "auto" },
      { "template", source or null },
      { "deployment", client.cfg.deployment or null },
      { "parameters", parameters },
    })
  end
end

local function check_options (given)
  if given.id ~= nil and (type(given.id) ~= "string" or given.id == "") then
    usage.fail("id must be the name of a column, got " .. checks.describe(given.id))
  end
  if given.dialect ~= nil and type(given.dialect) ~= "string" then
    usage.fail("dialect must be the name of a dialect, got " .. checks.describe(given.dialect))
  end
  request.check(given.options, { name = "run_bulk", names = M.names, reasons = request.NO_TOKENS })
end

local function wrong (message)
  return nil, errors.new { kind = "config", phase = "request", message = message }
end

--- Returns the dialect of all rows, or nil where each row shows its own. Returns nil and an error
-- for options that contradict each other.
local function dialect_of (given, template)
  local wanted = given.dialect
  if wanted == nil then return template ~= nil and "template" or nil end
  local known = false
  for _, name in ipairs(recognition.NAMES) do known = known or name == wanted end
  if not known then
    local near = names.nearest(wanted, recognition.NAMES)
    return wrong(("dialect must be one of %s, got %s%s"):format(
      table.concat(recognition.NAMES, ", "), checks.describe(wanted),
      near and ('; did you mean "%s"?'):format(near) or ""))
  end
  if wanted == "template" and template == nil then
    return wrong "the dialect template needs a template"
  end
  if wanted ~= "template" and given.template ~= nil then
    return wrong(("the dialect %s has no template; leave out the template or the dialect"):format(
      wanted))
  end
  return wanted
end

--- Returns the options that apply to the calls of each form.
local function bases_of (client, given, view, template)
  local common, base = given.options, template and view.base or view.chat_base or view.base
  if given.template ~= nil and templates.is_format(template) then
    base = request.merge(rendering.defaults(template), base)
  end
  local bases = { generate = request.merge(base, common),
    others = request.merge(view.chat_base or view.base, common) }
  -- Only the details contain the reason why the model ended, and the number of tokens.
  if bases.generate.details == nil and config.defaults(client.cfg).details == nil then
    bases.generate.details = true
  end
  return bases
end

--- Makes the function that says what is wrong with the options of all rows for a kind of row.
local function checker (client, given, bases)
  return function (entry)
    if entry.openai then
      return openai_rows.options_problem(config.defaults(client.cfg), bases.others)
    end
    local unfit
    for name, value in next, given.options or {} do
      if not entry.route.names[name] and value ~= null and (not unfit or name < unfit) then
        unfit = name
      end
    end
    return unfit and ("the option %s does not exist for this row, which is sent to %s")
      :format(unfit, entry.route.path)
  end
end

--- Tells whether two rows have the same options. Options with tables are not compared.
local function same_options (a, b)
  for name, value in next, a do
    if b[name] ~= value or type(value) == "table" then return false end
  end
  for name in next, b do
    if a[name] == nil then return false end
  end
  return true
end

--- Makes a planner that keeps the last plan for rows with options, because the rows of a file often
-- have the same ones.
-- @tparam function planner of `predibase.request`
-- @treturn function takes the route and the options of a row; returns what `planner` returns
local function keeping_last (planner)
  local last_route, last_own, last_plan
  return function (route, own)
    if own == nil then return planner(route) end
    if route == last_route and same_options(own, last_own) then return last_plan end
    local plan, err, on_error = planner(route, own)
    if plan then last_route, last_own, last_plan = route, own, plan end
    return plan, err, on_error
  end
end

--- Finds the dialect of a row, when it has no template.
-- @tparam table row
-- @tparam ?string format of the file
-- @treturn ?string nil when the row is in no dialect, or in several
function M.of_row (row, format)
  return (recognition.find { row = row, cells = rows.SEPARATORS[format] ~= nil,
    is_line = format == "lines" })
end

--- Makes the object that turns rows into calls.
-- @tparam table client
-- @tparam ?table given `dialect` (one of "template", "prompt", "predibase", "openai"; by default
-- each row shows its own, and with a template all rows are for it), `template` (a text with
-- `{names}`, one of `predibase.template`, a chat format, a function that takes a row and returns a
-- prompt or messages, or an object with a method `render`), `id` (the column with the ids;
-- `custom_id` by default), `options` (of all calls), `format` (of the reader: "jsonl", "csv", "tsv"
-- or "lines"; rows of tables of the program have none), and `view`, of an adapter: `base` (options
-- that apply where `options` has none), `chat_base` (the same for calls that are no `generate`),
-- `check` (takes the options of a row, and raises for misuse), `template`, `rendering` (options of
-- its chat format)
-- @treturn[1] table its field `on_error` is the hook of the options, for rows that become no call
-- @treturn[2] nil
-- @treturn[2] table the error, of kind "config" or "template"
-- @raise for an option that does not exist or has a wrong type
function M.new (client, given)
  given = json.present(given or {})
  check_options(given)
  local view = given.view or {}
  local template = given.template
  if template == nil and (given.dialect == nil or given.dialect == "template") then
    template = view.template
  end
  local dialect, err = dialect_of(given, template)
  if err then return nil, err end
  local fill, source
  if template ~= nil then
    fill, source = row_template.new(template, view.rendering)
    if not fill then return nil, source end
  end
  -- The options stay in closures, so that code that walks over the tables finds no API token.
  local bases = bases_of(client, given, view, template)
  local of = { cfg = client.cfg, user_agent = client.user_agent, fallback = client.fallback }
  local for_generate = keeping_last(request.planner(of, bases.generate))
  local for_others = keeping_last(request.planner(of, bases.others))
  return setmetatable({
    client = client, dialect = dialect, fill = fill, id = given.id, check = view.check,
    format = given.format, cells = rows.SEPARATORS[given.format] ~= nil,
    problems = {},               -- kind of row -> what is wrong with the options, or false
    problem_of = checker(client, given, bases),
    on_error = bases.others.on_error,
    planner_of = function (form) return form == "generate" and for_generate or for_others end,
    print = printer(client, dialect, source, bases),
  }, Dialect)
end

return M
