-- SPDX-License-Identifier: MIT
--- Writes what several formats have in common about tools: JSON as Python writes it, and the turns
-- with calls and results of Qwen and Hermes.
-- @module predibase.template.built_in.tool_texts

local ordered = require "predibase.template.ordered"

local M = {}

--- Writes a value as JSON in the way of the published templates. The interpreter of Jinja is loaded
-- at the first call only.
-- @param value
-- @tparam ?integer indent spaces for each level
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.json (value, indent)
  return require("predibase.template.jinja").tojson(value, indent)
end

--- Returns what a tool says about its function, as ordered objects: the keys of a plain table are
-- in the order in which `json` writes them.
-- @tparam table tool
-- @treturn[1] table
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.function_of (tool)
  local text, problem = M.json(tool)
  if not text then return nil, problem end
  return ordered.decode(text)["function"]
end

--- Writes tools, each in front of a separator or after it.
-- @tparam table tools
-- @tparam string before text in front of each
-- @tparam string after text after each
-- @tparam ?integer indent
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.list (tools, before, after, indent)
  local out = {}
  for i, tool in ipairs(tools) do
    local text, problem = M.json(tool, indent)
    if not text then return nil, ("tools[%d]: %s"):format(i, problem) end
    out[i] = before .. text .. after
  end
  return table.concat(out)
end

-- What Qwen's models are told about their tools.
local HEAD = "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
  .. "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
local FOOT = "\n</tools>\n\nFor each function call, return a json object with function name and "
  .. "arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
  .. '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n'

--- Makes the function with which Qwen's formats begin: the system message, and the tools.
-- @tparam string default the system message if none is given
-- @tparam string gap the text between the system message and the tools
-- @tparam boolean always write a system message even if none is given and there are no tools
-- @treturn function see `opening` in `predibase.template.built_in.writers.turns`
function M.qwen_opening (default, gap, always)
  return function (messages, context)
    local given = messages[1].role == "system"
    local system = given and messages[1].content or default
    if not context.tools then
      if not given and not always then return "", 0 end
      return "<|im_start|>system\n" .. system .. "<|im_end|>\n", given and 1 or 0
    end
    local list, problem = M.list(context.tools, "\n", "")
    if not list then return nil, problem end
    if given or always then system = system .. gap end
    return "<|im_start|>system\n" .. system .. HEAD .. list .. FOOT, given and 1 or 0
  end
end

--- Writes one call between its marks.
-- @tparam table call `{ name, arguments }`
-- @tparam boolean as_text write arguments that are a string as they are, not as a JSON string
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.marked_call (call, as_text)
  local arguments = call.arguments
  if not (as_text and type(arguments) == "string") then
    local problem
    arguments, problem = M.json(arguments)
    if not arguments then return nil, problem end
  end
  return '<tool_call>\n{"name": "' .. call.name .. '", "arguments": ' .. arguments
    .. "}\n</tool_call>"
end

--- Writes the calls of a message between their marks, one per line.
-- @tparam table calls
-- @tparam boolean as_text see `marked_call`
-- @treturn[1] string
-- @treturn[2] nil
-- @treturn[2] string what is wrong
function M.marked_calls (calls, as_text)
  local out = {}
  for i, call in ipairs(calls) do
    local text, problem = M.marked_call(call, as_text)
    if not text then return nil, problem end
    out[i] = text
  end
  return table.concat(out, "\n")
end

--- Writes a result of a tool for Qwen: results that follow each other share one turn of the user.
-- @tparam table messages
-- @tparam integer i index of the result
-- @treturn string
function M.qwen_result (messages, i)
  local before, after = messages[i - 1], messages[i + 1]
  local first = not before or before.role ~= "tool"
  local last = not after or after.role ~= "tool"
  return (first and "<|im_start|>user" or "") .. "\n<tool_response>\n" .. messages[i].content
    .. "\n</tool_response>" .. (last and "<|im_end|>\n" or "")
end

return M
