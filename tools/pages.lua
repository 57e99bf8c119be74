-- SPDX-License-Identifier: MIT
-- Writes the manual pages and the completions of the shells into the folder share, from the options
-- of the command.
-- usage: lua5.4 tools/pages.lua [--check]     (in the checkout)
-- --check writes nothing, and fails if a file in share is not what would be written.

package.path = "tools/?.lua;lua/?.lua;lua/?/init.lua;" .. package.path

local man = require "pages.man"
local model = require "pages.model"
local manual = require "predibase.cli.command_line.manual"
local version = require "predibase.version"
local whole_file = dofile "tools/whole-file.lua"

-- The date of the newest release in the changelog, or else that of the texts.
local function date_of_pages ()
  local log = whole_file.read_if_there "CHANGELOG.md" or ""
  return log:match "\n## %[%d[^%]\n]*%] %- (%d%d%d%d%-%d%d%-%d%d)" or manual.DATE
end

-- Returns a table: path -> text.
local function make ()
  local commands, files, date = model.read(), {}, date_of_pages()
  for _, command in ipairs(commands) do
    files[("share/man/man1/%s.1"):format(man.name(command))] =
      man.page(command, commands, version, date)
  end
  for name, path in pairs {
    bash = "share/bash-completion/completions/predibase",
    zsh = "share/zsh/site-functions/_predibase",
    fish = "share/fish/vendor_completions.d/predibase.fish",
  } do
    files[path] = require("pages." .. name).script(commands)
  end
  return files
end

local function listed ()
  local paths, list = {}, io.popen "find share -type f 2>/dev/null"
  for path in list:lines() do paths[#paths + 1] = path end
  list:close()
  return paths
end

local checking, wrong = arg[1] == "--check", false
local files, paths = make(), {}
for path in pairs(files) do paths[#paths + 1] = path end
table.sort(paths)
for _, path in ipairs(paths) do
  if whole_file.read_if_there(path) ~= files[path] then
    if checking then
      io.stderr:write(path, ": not what the options of the command say; make pages writes it\n")
      wrong = true
    else
      whole_file.write(path, files[path])
    end
  end
end
-- Pages of commands that do not exist any more.
for _, path in ipairs(listed()) do
  local ours = path:find "/predibase[^/]*$" or path:find "/_predibase$"
  if ours and not files[path] then
    if checking then
      io.stderr:write(path, ": belongs to no command; make pages removes it\n")
      wrong = true
    else
      assert(os.remove(path))
    end
  end
end
os.exit(not wrong)
