-- SPDX-License-Identifier: MIT
-- Writes the sh, lua and nginx code blocks of a Markdown file into files, which
-- tools/readme.sh runs. A block whose first line is a comment with the name of a
-- file becomes this file, in a folder for the page: a block of sh runs it. What a
-- block must print is in a block after the line `<!-- prints -->`; see
-- tools/expected-output.lua.
-- usage: lua5.4 tools/readme.lua FILE FOLDER

local path, folder = arg[1], arg[2]

local PRELUDE = {
  sh = "",
  nginx = "",
  lua = 'predibase = require "predibase"; client = predibase.new {}; '
    .. 'prompt = "What is your name?"; options = { max_new_tokens = 20 }; ',
}
-- The README's blocks must work for a reader who has read nothing else.
if path == "README.md" then PRELUDE.lua = "" end
local COMMENT = { sh = "#", lua = "--", nginx = "#" }

-- True for commands that have their own section in .ci/run. Running them here would
-- start this script again, endlessly.
local function runs_elsewhere (code)
  return code:find "make demo" or code:find "make test" or code:find "%.ci/run"
end

local function write (name, text)
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
end

local page = path:gsub("[^%w]", "_")
local programs = ("%s/programs/%s"):format(folder, page)
local blocks = {}     -- of sh, lua and nginx: { line, code, file, prints }
local files = {}      -- the names of the files on this page, in their order

--- Returns the name in the first line of a block: `-- chat.lua`, `# nginx.conf`,
-- `<!-- index.html -->`.
local function file_name (code)
  local mark, name, rest = code:match "^(%S+) ([%w_./-]+%.%l+)([^\n]*)\n"
  if mark == "--" and rest == "" or mark == "#" and rest == ""
      or mark == "<!--" and rest == " -->" then
    return name
  end
end

local function write_block (language, line, code)
  local block = ("%s/%s-%04d.%s"):format(folder, page, line, language)
  -- The first line of the file names the position of the block.
  write(block, ("%s %s line %d\n%s%s"):format(COMMENT[language], path, line, PRELUDE[language],
    code))
  blocks[#blocks + 1] = { name = block, line = line, code = code }
end

local function write_program (name, code)
  local file = programs .. "/" .. name
  assert(os.execute(("mkdir -p '%s'"):format(file:match "^(.*)/")))
  files[#files + 1] = name
  write(file, code)
end

--- Handles one block. `note` is the last line of text before it.
local function handle (language, line, code, note)
  local reason = note:match "^<!%-%- not run: (.-) %-%->$"
  local name = not reason and file_name(code)
  if note == "<!-- prints -->" then
    local block = assert(blocks[#blocks], path .. ": nothing has run that could print")
    assert(path ~= "README.md", "what the blocks of README.md print is not compared")
    write(block.name .. ".expected", code)
    block.prints = true
  elseif name then
    write_program(name, code)
  elseif not PRELUDE[language] then
    return
  elseif reason then
    print(("%s line %d: not run: %s"):format(path, line, reason))
  elseif runs_elsewhere(code) then
    print(("%s line %d: runs as a section of its own"):format(path, line))
  else
    write_block(language, line, code)
  end
end

local number, language, start, note, code = 0, nil, nil, "", {}
for line in io.lines(path) do
  number = number + 1
  local fence = line:match("^```(.*)$")
  if fence and not language then
    language, start, code = fence:match("^%S*"), number, {}
  elseif fence then
    handle(language, start, table.concat(code, "\n") .. "\n", note)
    language, note = nil, ""
  elseif language then
    code[#code + 1] = line
  elseif line:find("%S") then
    note = line
  end
end
if language then
  error(path .. ": the code block at line " .. start .. " has no end")
end

-- On a page with programs, each of them is run, by its name or the folder that it is in, and every
-- run is checked.
local commands = {}
for _, block in ipairs(#files > 0 and blocks or {}) do
  if block.name:find "%.sh$" then
    assert(block.prints, ("%s line %d: what it prints is missing"):format(path, block.line))
    commands[#commands + 1] = block.code
  end
end
commands = table.concat(commands)
for _, name in ipairs(files) do
  -- nginx serves index.html, and tools/shipping.sh runs spec.lua.
  assert(name == "index.html" or name == "spec.lua"
    or commands:find(name:match "^[^/]+", 1, true),
    ("%s: nothing runs the program %s"):format(path, name))
end
