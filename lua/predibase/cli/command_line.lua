-- SPDX-License-Identifier: MIT
--- The command line. lua-argparse parses it, except the lines of `predibase generate` that need no
-- message and no help: loading lua-argparse takes about as long as the request.
-- @module predibase.cli.command_line

local lazy = require "predibase.lazy"
local all_commands = lazy "predibase.cli.command_line.all_commands"
local generate_options = lazy "predibase.cli.command_line.generate_options"
local plain_line = lazy "predibase.cli.command_line.plain_line"

local M = {}

-- Makes one word of the words `batch merge`, because a file can be there, too.
local function join_words (argv)
  if argv[1] ~= "batch" or argv[2] ~= "merge" then return argv end
  local joined = { "batch-merge" }
  for i = 3, #argv do joined[i - 1] = argv[i] end
  return joined
end

--- Returns the parser, for the programs that make manual pages and completions from it.
-- @treturn table of argparse
function M.parser ()
  return all_commands.parser()
end

--- Parses the command line. Raises a usage failure.
-- @tparam table argv
-- @treturn table `command` and the values of its options by name; the command "show" for
--   `--help` and `--version`, with the `text` to print
function M.parse (argv)
  local arguments = argv[1] == "generate" and plain_line.parse(generate_options.add, argv)
  return arguments or all_commands.parse(join_words(argv))
end

return M
