-- SPDX-License-Identifier: MIT
-- What ran of the C files, from the files that a build with --coverage leaves. The same source is
-- compiled into several modules, tests and host programs: a line has run when it ran in one.

local M = {}

--- Reads what gcov prints: for each source a head and its lines, with how often each ran. "-" is a
-- line without code, "#####" and "=====" are lines that did not run.
local function read (pipe, found)
  local lines
  for text in pipe:lines() do
    local count, number, rest = text:match "^%s*([^:]+):%s*(%d+):(.*)$"
    if number == "0" then
      local source = rest:match "^Source:(.*)$"
      if source then
        source = source:match "src/[^/]+%.[ch]$"
        lines = source and (found[source] or {})
        if source then found[source] = lines end
      end
    elseif lines and count and count ~= "-" then
      number = tonumber(number)
      lines[number] = lines[number] or count:find "^%d" ~= nil
    end
  end
end

--- Returns what ran of src/*.c and src/*.h.
-- @tparam string build the folder of the build
-- @treturn table path -> (line -> boolean: it ran)
function M.read (build)
  local found = {}
  local pipe = assert(io.popen(("find '%s' -name '*.gcno' | xargs -n 20 gcov -t 2>/dev/null")
    :format(build)))
  read(pipe, found)
  assert(pipe:close(), "gcov failed")
  return found
end

return M
