-- SPDX-License-Identifier: MIT
-- Writes the sh, lua and nginx code blocks of a Markdown file into files, which
-- tools/readme.sh runs.
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
    or code:find "git clone"
end

local function write_block (language, line, code)
  local name = ("%s/%s-%04d.%s"):format(folder, path:gsub("[^%w]", "_"), line, language)
  local file = assert(io.open(name, "wb"))
  -- The first line of the file names the position of the block.
  file:write(COMMENT[language], " ", path, " line ", tostring(line), "\n", PRELUDE[language], code)
  file:close()
end

local number, language, start, reason, code = 0, nil, nil, nil, {}
for line in io.lines(path) do
  number = number + 1
  local fence = line:match("^```(.*)$")
  if fence and not language then
    language, start, code = fence:match("^%S*"), number, {}
  elseif fence then
    local text = table.concat(code, "\n") .. "\n"
    if PRELUDE[language] and reason then
      print(("%s line %d: not run: %s"):format(path, start, reason))
    elseif PRELUDE[language] and runs_elsewhere(text) then
      print(("%s line %d: runs as a section of its own"):format(path, start))
    elseif PRELUDE[language] then
      write_block(language, start, text)
    end
    language, reason = nil, nil
  elseif language then
    code[#code + 1] = line
  elseif line:find("%S") then
    reason = line:match("^<!%-%- not run: (.-) %-%->$")
  end
end
if language then
  error(path .. ": the code block at line " .. start .. " has no end")
end
