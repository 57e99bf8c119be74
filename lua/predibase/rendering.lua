-- SPDX-License-Identifier: MIT
--- Renders messages with a chat format, for adapters and conversations.
-- @module predibase.rendering

local checks = require "predibase.value_checks"
local errors = require "predibase.errors"
local json = require "predibase.json"
local template = require "predibase.template"

local M = {}

--- Options of `format:render` that adapters and conversations accept.
-- @table FormatOptions
-- @tfield ?"refuse"|"neutralise"|"allow" special_tokens_in_text what happens to texts that contain
-- special tokens
-- @tfield ?boolean enable_thinking `false` for models that think by default
-- @tfield ?table<string,any> variables of a model's own template
-- @tfield ?string date_string for formats that contain today's date
-- @tfield ?number now Unix seconds, for formats that contain today's date

--- Options of `format:render` that adapters and conversations accept.
M.names = { "special_tokens_in_text", "enable_thinking", "variables", "date_string", "now" }

--- Makes an error of kind "template".
-- @tparam string message
-- @treturn nil
-- @treturn table the error, of kind "template"
function M.refusal (message)
  return nil, errors.new { kind = "template", phase = "request", message = message }
end

--- Finds a format.
-- @param wanted a format, its name, or the name of a model; nil means the client's option `format`,
-- or the name of the deployment
-- @tparam table cfg of the client
-- @treturn[1] table the format
-- @treturn[2] nil
-- @treturn[2] table the error
function M.format (wanted, cfg)
  if wanted == nil then wanted = cfg.format end
  if template.is_format(wanted) then return wanted end
  if wanted ~= nil and type(wanted) ~= "string" then
    return M.refusal("format must be a chat format or the name of one, got "
      .. checks.describe(wanted))
  end
  if not wanted and not cfg.deployment then
    return M.refusal("format is missing: the client has a base_url and no deployment name "
      .. 'from which to choose one; give format = "…"')
  end
  return template.for_model(wanted or cfg.deployment)
end

--- Returns those of some options that are options of rendering.
-- @tparam table options
-- @treturn table new
function M.options_of (options)
  local own = {}
  for _, name in ipairs(M.names) do own[name] = rawget(options, name) end
  return own
end

--- Returns the options of rendering for messages of the history: the answer of a model can contain
-- a special token of its own format, and that must not end the conversation.
-- @tparam table rendering
-- @treturn table
function M.of_history (rendering)
  local options = {}
  for name, value in next, rendering do options[name] = value end
  if options.special_tokens_in_text ~= "allow" then
    options.special_tokens_in_text = "neutralise"
  end
  return options
end

--- Renders a prompt that asks for an answer. The token at the beginning of a text is left out,
-- because LoRAX adds it itself.
-- @tparam table format
-- @tparam table messages
-- @tparam table rendering the options of rendering
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] table the error
function M.write (format, messages, rendering)
  local options = { add_generation_prompt = true, bos_token = false }
  for name, value in next, rendering do options[name] = value end
  return format:render(messages, options)
end

--- Returns the options that a format sets for its calls, for example the sequences at which answers
-- end. `null` removes defaults of the client that would change a prompt that is already in the
-- model's format.
-- @tparam table format
-- @treturn table options of a call
function M.defaults (format)
  local stop = {}
  for i, sequence in ipairs(format.stop) do stop[i] = sequence end
  return {
    stop = stop[1] and stop or nil, trim_stop = true, format = format,
    return_full_text = json.null, apply_chat_template = json.null,
  }
end

return M
