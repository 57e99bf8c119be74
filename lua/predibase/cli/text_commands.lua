-- SPDX-License-Identifier: MIT
--- Runs `predibase embed`, `classify` and `tokenize`.
-- @module predibase.cli.text_commands

local inputs = require "predibase.cli.inputs"
local json = require "predibase.json"
local output = require "predibase.cli.output"

local M = {}

--- Reads the command line and makes a client. Returns the texts, the client and the options of the
-- call; or nil and an error.
local function begin (arguments)
  local options = inputs.parameters(arguments)
  options.batch_size, options.concurrency = arguments.batch_size, arguments.concurrency
  local client_options = inputs.client(arguments)
  local texts = inputs.texts(arguments)
  local client, err = require("predibase").new(client_options)
  if not client then return nil, err end
  return texts, client, options
end

--- Writes each result in a line: as `plain` makes it, or as JSON with the fields of `fields`.
local function write_each (texts, results, as_json, fields, plain)
  local out = output.new()
  for i, text in ipairs(texts) do
    if as_json then
      local object = fields(results[i])
      object.text = text
      out:write(output.json(object, object.names))
    else
      out:write(plain(results[i], i))
    end
  end
  return 0
end

--- Prints the vectors of texts.
-- @tparam table arguments of the command line
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.embed (arguments)
  local texts, client, options = begin(arguments)
  if not texts then return nil, client end
  local vectors, err = client:embed(texts, options)
  if not vectors then return nil, err end
  return write_each(texts, vectors, arguments.json, function (vector)
    return { embedding = vector, names = { "text", "embedding" } }
  end, function (vector)
    return json.encode(json.array(vector)) .. "\n"
  end)
end

--- Returns the fields of a result of `client:classify` for JSON.
local function fields_of_result (result)
  if result.probs then
    return { label = result.label, probs = result.probs, num_classes = result.num_classes,
      names = { "text", "label", "probs", "num_classes" } }
  end
  return { entities = result, names = { "text", "entities" } }
end

--- Returns the largest of some numbers.
local function largest (numbers)
  local found = 0
  for _, number in ipairs(numbers) do found = math.max(found, number) end
  return found
end

--- Prints the entities in texts, or their labels.
-- @tparam table arguments of the command line
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.classify (arguments)
  local texts, client, options = begin(arguments)
  if not texts then return nil, client end
  local results, err = client:classify(texts, options)
  if not results then return nil, err end
  return write_each(texts, results, arguments.json, fields_of_result, function (result, i)
    local front = arguments.lines and i .. "\t" or ""
    if result.probs then
      return ("%s%s\t%.4g\n"):format(front, result.label or "", largest(result.probs))
    end
    local lines = {}
    for k, entity in ipairs(result) do
      local words = texts[i]:sub(entity.first, entity.last):gsub("%c", " ")
      lines[k] = ("%s%s\t%.4g\t%d\t%d\t%s\n"):format(front, entity.entity_group, entity.score,
        entity.first, entity.last, words)
    end
    return table.concat(lines)
  end)
end

--- Prints the tokens of texts.
-- @tparam table arguments of the command line
-- @treturn[1] integer exit code
-- @treturn[2] nil
-- @treturn[2] table error
function M.tokenize (arguments)
  local client_options = inputs.client(arguments)
  local texts = inputs.texts(arguments)
  local client, err = require("predibase").new(client_options)
  if not client then return nil, err end
  local results = {}
  local options = { add_special_tokens = not arguments.no_special_tokens }
  for i, text in ipairs(texts) do
    results[i], err = client:tokenize(text, options)
    if not results[i] then return nil, err end
  end
  return write_each(texts, results, arguments.json, function (tokens)
    return { tokens = tokens, names = { "text", "tokens" } }
  end, function (tokens)
    if arguments.count then return #tokens .. "\n" end
    local lines = {}
    for i, token in ipairs(tokens) do
      lines[i] = ("%d\t%s\n"):format(token.id, (token.text:gsub("%c", " ")))
    end
    return table.concat(lines) .. (arguments.lines and "\n" or "")
  end)
end

return M
