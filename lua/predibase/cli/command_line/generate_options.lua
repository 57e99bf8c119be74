-- SPDX-License-Identifier: MIT
--- The options of `predibase generate`, and its help.
-- @module predibase.cli.command_line.generate_options

local shared_options = require "predibase.cli.command_line.shared_options"

local M = {}

local add = shared_options.add

local function prompts (command)
  return {
    add(command, "--template", "Make the prompt from a template, filled in by --var.")
      :argname "FILE",
    add(command, "--var", "A value for the template, or @FILE to read it (@@ for a leading @); "
      .. "can be given several times."):argname("NAME=VALUE"):count "*",
    add(command, "--file", "Read the prompt from a file."):argname "FILE",
  }
end

local function output (command)
  return {
    command:flag("--no-stream", "Wait for the whole answer."),
    add(command, "--schema", "Answer with JSON that fits the JSON schema in this file; it is "
      .. "checked, and printed when it is complete."):argname "FILE",
    command:flag("--json", "Print JSON instead of text."),
    command:flag("--stats", "Print tokens, time to first token, tokens per second."),
  }
end

local OUTPUT = [[
Output: the text, as it arrives. --json prints one JSON object per line: each
token, then the result; with --no-stream or --schema only the result. On a
terminal, control characters in the text are replaced. --details, --stats and
errors are printed on standard error, after a line end, which a pipe or file
gets only then.]]

--- Adds the command to a parser.
-- @tparam table parser of argparse, or what takes its place
-- @tparam function show is called with the help when it is asked for
function M.add (parser, show)
  local command = parser:command("generate", "Generate text and stream it to standard output.")
  shared_options.add_help(command, show)
  command:usage "Usage: predibase generate [OPTION]... [PROMPT]"
  command:help_max_width(80):help_description_margin(32)
  command:argument("prompt",
    "The prompt. Without one, or with -, it is read from standard input.", nil, nil, "?")
  shared_options.group(command, "Input and output", prompts, output, shared_options.cuts)
  shared_options.add_calls(command)
  shared_options.describe_call(command, "generate", { OUTPUT })
end

return M
