-- SPDX-License-Identifier: MIT
-- Writes the version of a release into the files that contain it, or checks these files. The place
-- of the version is lua/predibase/version.lua; the others follow it:
--   src/version.h      the copy for the C modules
--   rockspecs/predibase-VERSION-1.rockspec, from predibase-scm-1.rockspec; LuaRocks writes the
--                      version 1.2.3-rc.1 as 1.2.3rc1
--   CHANGELOG.md       the unreleased entries get a heading with version and date
-- usage: lua5.4 tools/release.lua VERSION YYYY-MM-DD
--        lua5.4 tools/release.lua --check
--        lua5.4 tools/release.lua --rock-version VERSION    (prints it as LuaRocks writes it)
-- VERSION is X.Y.Z, or X.Y.Z-rc.N (or alpha, beta) before it. It changes no file when it finds a
-- problem.

-- It may run in another folder than the checkout.
local whole_file = dofile(arg[0]:match "^(.*)/" .. "/whole-file.lua")
local read = whole_file.read

local HOME = "https://github.com/predibase-lua/predibase"
local SCM_ROCKSPEC = "predibase-scm-1.rockspec"
local VERSION_LUA, VERSION_H, CHANGELOG = "lua/predibase/version.lua", "src/version.h",
  "CHANGELOG.md"

-- The headings that Keep a Changelog has for the entries of a version.
local KINDS = { Added = true, Changed = true, Deprecated = true, Removed = true, Fixed = true,
  Security = true }

local problems = {}
local function problem (...) problems[#problems + 1] = string.format(...) end

-- The order of versions with the same three numbers.
local STAGES = { alpha = 1, beta = 2, rc = 3 }
local FINAL = 4

--- Returns the numbers of a version, in the order in which versions are compared (Semantic
-- Versioning, section 11); nil when it is none.
local function numbers (version)
  local major, minor, patch, rest = version:match "^(%d+)%.(%d+)%.(%d+)(.*)$"
  local stage, count = (rest or ""):match "^%-(%a+)%.(%d+)$"
  if not major or version:find "%f[%d]0%d" or rest ~= "" and not STAGES[stage] then return nil end
  return { tonumber(major), tonumber(minor), tonumber(patch), STAGES[stage] or FINAL,
    tonumber(count or 0) }
end

--- Returns a version as LuaRocks writes it, which has the hyphen for its own revision.
local function rock_version (version)
  return (version:gsub("%-(%a+)%.(%d+)$", "%1%2"))
end

local function is_older (a, b)
  a, b = numbers(a), numbers(b)
  for i = 1, #a do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return false
end

local function is_date (text)
  local year, month, day = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)$"
  if not year then return false end
  local time = os.time { year = year, month = month, day = day, hour = 12 }
  return os.date("%Y-%m-%d", time) == text
end

--- Replaces the only match of a pattern in the text of a file.
local function replace (text, path, pattern, replacement)
  local changed, count = text:gsub(pattern, (replacement:gsub("%%", "%%%%")))
  if count ~= 1 then problem("%s has %d places like %q, expected one", path, count, pattern) end
  return changed
end

-- The changelog.

--- Divides the changelog: `intro`, `versions` (array of `{ name, date, lines }`, the first of which
-- should be called "Unreleased") and `links`, all without the lines of links at the end.
local function read_changelog ()
  local log = { intro = {}, versions = {}, links = {} }
  local into = log.intro
  for line in read(CHANGELOG):gmatch "([^\n]*)\n" do
    local heading = line:match "^## (.*)$"
    if heading then
      local name, date = heading:match "^%[([^%]]+)%] %- (%S+)$"
      local version = { name = name or heading:match "^%[(Unreleased)%]$", date = date, lines = {},
        heading = heading }
      log.versions[#log.versions + 1], into = version, version.lines
    elseif line:find "^%[[^%]]+%]: %S" then
      log.links[#log.links + 1] = line
    else
      into[#into + 1] = line
    end
  end
  return log
end

--- Checks the form of the changelog.
local function check_changelog (log)
  local unreleased = log.versions[1]
  if not unreleased or unreleased.name ~= "Unreleased" then
    problem("%s does not begin with the heading ## [Unreleased]", CHANGELOG)
  end
  local before
  for i, version in ipairs(log.versions) do
    if i > 1 and not (version.name and numbers(version.name) and is_date(version.date)) then
      problem("%s: the heading %q is not [X.Y.Z] - YYYY-MM-DD", CHANGELOG, version.heading)
    elseif i > 1 then
      if before and not is_older(version.name, before) then
        problem("%s: %s stands below %s", CHANGELOG, version.name, before)
      end
      before = version.name
    end
    for _, line in ipairs(version.lines) do
      local kind = line:match "^### (.*)$"
      if kind and not KINDS[kind] then
        problem("%s: the heading %q is none of Keep a Changelog", CHANGELOG, kind)
      end
    end
  end
end

local function has_entries (version)
  for _, line in ipairs(version.lines) do
    if line:find "^%- %S" then return true end
  end
  return false
end

--- Returns the text of the changelog after the release.
local function released_changelog (log, version, date)
  local lines = {}
  local function add (list)
    for _, line in ipairs(list) do lines[#lines + 1] = line end
  end
  add(log.intro)
  add { "## [Unreleased]", "", ("## [%s] - %s"):format(version, date) }
  add(log.versions[1].lines)
  for i = 2, #log.versions do
    add { "## " .. log.versions[i].heading }
    add(log.versions[i].lines)
  end
  while lines[#lines] == "" do lines[#lines] = nil end
  add { "", ("[Unreleased]: %s/compare/v%s...HEAD"):format(HOME, version),
    ("[%s]: %s/releases/tag/v%s"):format(version, HOME, version) }
  for _, line in ipairs(log.links) do
    if not line:find("^%[Unreleased%]:") then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n") .. "\n"
end

-- The other files.

local function version_of_library ()
  return read(VERSION_LUA):match '\nreturn "([^"]*)"\n$' or "unknown"
end

local function rockspec_path (version)
  return ("rockspecs/predibase-%s-1.rockspec"):format(rock_version(version))
end

--- Returns the rockspec of a version. Its sources are a file of the release, because the archives
-- that GitHub makes itself may change their bytes.
local function released_rockspec (version)
  local text = read(SCM_ROCKSPEC)
  text = replace(text, SCM_ROCKSPEC, '\nversion = "scm%-1"\n', ('\nversion = "%s-1"\n'):format(
    rock_version(version)))
  return replace(text, SCM_ROCKSPEC, "\nsource = (%b{})\n", ([[

source = {
  url = "%s/releases/download/v%s/predibase-%s.tar.gz",
  dir = "predibase-%s",
}
]]):format(HOME, version, version, version))
end

local function exists (path)
  local file = io.open(path)
  return file and file:close()
end

--- Checks what a release must find, and returns the new texts by path.
local function new_texts (version, date)
  if not numbers(version) then
    problem("VERSION must be X.Y.Z, three numbers, or X.Y.Z-rc.N, got %q", version)
    return {}
  end
  if not is_date(date) then problem("the date must be YYYY-MM-DD, got %q", date) end
  local log, current = read_changelog(), version_of_library()
  check_changelog(log)
  if numbers(current) and is_older(version, current) then
    problem("%s is older than the version of the library, %s", version, current)
  end
  local last = log.versions[2] and log.versions[2].name
  if last and numbers(last) and not is_older(last, version) then
    problem("%s is not newer than %s, which was released on %s", version, last,
      log.versions[2].date)
  end
  if exists(rockspec_path(version)) then problem("%s exists already", rockspec_path(version)) end
  if log.versions[1] and not has_entries(log.versions[1]) then
    problem("%s has no entries under [Unreleased]", CHANGELOG)
  end
  return {
    [VERSION_LUA] = replace(read(VERSION_LUA), VERSION_LUA, '\nreturn "[^"]*"\n',
      ('\nreturn "%s"\n'):format(version)),
    [VERSION_H] = replace(read(VERSION_H), VERSION_H, '\n#define PREDIBASE_VERSION "[^"]*"\n',
      ('\n#define PREDIBASE_VERSION "%s"\n'):format(version)),
    [CHANGELOG] = #problems == 0 and released_changelog(log, version, date) or "",
    [rockspec_path(version)] = released_rockspec(version),
  }
end

--- Checks that the copies agree with the version of the library.
local function check ()
  local version, copy = version_of_library(), read(VERSION_H):match 'PREDIBASE_VERSION "([^"]*)"'
  if not numbers(version) then problem("%s does not return X.Y.Z", VERSION_LUA) end
  if copy ~= version then
    problem("%s has %s, %s has %s", VERSION_H, tostring(copy), VERSION_LUA, version)
  end
  local log = read_changelog()
  check_changelog(log)
  for i = 2, #log.versions do
    local path = rockspec_path(tostring(log.versions[i].name))
    if not exists(path) then problem("%s is missing", path) end
  end
end

local function stop_if_wrong ()
  for _, text in ipairs(problems) do io.stderr:write("release: ", text, "\n") end
  if #problems > 0 then os.exit(1) end
end

if arg[1] == "--rock-version" then
  if not numbers(arg[2] or "") then problem("%q is no version", arg[2] or "") end
  stop_if_wrong()
  print(rock_version(arg[2]))
elseif arg[1] == "--check" then
  check()
  stop_if_wrong()
elseif arg[2] then
  local texts = new_texts(arg[1], arg[2])
  stop_if_wrong()
  for path, text in pairs(texts) do whole_file.write(path, text) end
else
  io.stderr:write("usage: lua5.4 tools/release.lua VERSION YYYY-MM-DD | --check | "
    .. "--rock-version VERSION\n")
  os.exit(64)
end
