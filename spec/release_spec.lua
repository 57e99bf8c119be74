-- SPDX-License-Identifier: MIT
-- once: it runs tools/release.lua, which needs Lua 5.4
-- What `make release` writes into the files that contain the version. `make rock` runs all of it.
local child = require "spec.support.child"
local scratch = require "spec.support.scratch"

local FILES = {
  ["lua/predibase/version.lua"] = '-- The version.\n\nreturn "1.2.0"\n',
  ["src/version.h"] = '/* version.h */\n#define PREDIBASE_VERSION "1.2.0"\n',
  ["predibase-scm-1.rockspec"] = 'package = "predibase"\nversion = "scm-1"\n\nsource = {\n'
    .. '  url = "git+https://example.invalid/x.git",\n}\n\nbuild = { type = "builtin" }\n',
  ["rockspecs/predibase-1.2.0-1.rockspec"] = "released\n",
  ["CHANGELOG.md"] = [[
# Changelog

About this file.

## [Unreleased]

### Added

- Something.

## [1.2.0] - 2026-01-31

### Fixed

- A fault.

[Unreleased]: https://github.com/predibase-lua/predibase/compare/v1.2.0...HEAD
[1.2.0]: https://github.com/predibase-lua/predibase/releases/tag/v1.2.0
]],
}

describe("tools/release.lua", function ()
  local folder, here

  before_each(function ()
    folder, here = scratch.new(), require "luv".cwd()
    for path, text in pairs(FILES) do
      os.execute(("mkdir -p '%s/%s'"):format(folder, path:match "^(.*/)" or ""))
      scratch.write(folder .. "/" .. path, text)
    end
  end)

  after_each(function () scratch.remove(folder) end)

  local function edit (path, pattern, replacement)
    local text, count = FILES[path]:gsub(pattern, replacement)
    assert(count == 1, path)
    scratch.write(folder .. "/" .. path, text)
  end

  local function run (...)
    local command = ("cd '%s' && exec lua5.4 '%s/tools/release.lua' %s"):format(folder, here,
      table.concat({ ... }, " "))
    local program = child.start("sh", { args = { "-c", command }, env = child.STRANGER })
    return program:wait(), program.stderr
  end

  --- Runs it and expects the problem `text`, and that no file has changed.
  local function refuses (text, ...)
    local before = {}
    for path in pairs(FILES) do before[path] = scratch.read(folder .. "/" .. path) end
    local code, stderr = run(...)
    assert.equal(1, code)
    assert.truthy(stderr:find(text, 1, true), stderr)
    for path, bytes in pairs(before) do
      assert.equal(bytes, scratch.read(folder .. "/" .. path))
    end
    local rockspec = ("rockspecs/predibase-%s-1.rockspec"):format(((...)
      :gsub("%-(%a+)%.(%d+)$", "%1%2")))
    if not FILES[rockspec] then assert.equal("", scratch.read(folder .. "/" .. rockspec)) end
  end

  it("writes the version, the rockspec and the changelog", function ()
    local code, stderr = run("1.3.0", "2026-11-28")
    assert.equal(0, code, stderr)
    local function of (path) return scratch.read(folder .. "/" .. path) end
    assert.equal('-- The version.\n\nreturn "1.3.0"\n', of "lua/predibase/version.lua")
    assert.equal('/* version.h */\n#define PREDIBASE_VERSION "1.3.0"\n', of "src/version.h")
    assert.equal([[
package = "predibase"
version = "1.3.0-1"

source = {
  url = "https://github.com/predibase-lua/predibase/releases/download/v1.3.0/]]
      .. [[predibase-1.3.0.tar.gz",
  dir = "predibase-1.3.0",
}

build = { type = "builtin" }
]], of "rockspecs/predibase-1.3.0-1.rockspec")
    assert.equal([[
# Changelog

About this file.

## [Unreleased]

## [1.3.0] - 2026-11-28

### Added

- Something.

## [1.2.0] - 2026-01-31

### Fixed

- A fault.

[Unreleased]: https://github.com/predibase-lua/predibase/compare/v1.3.0...HEAD
[1.3.0]: https://github.com/predibase-lua/predibase/releases/tag/v1.3.0
[1.2.0]: https://github.com/predibase-lua/predibase/releases/tag/v1.2.0
]], of "CHANGELOG.md")
    assert.equal(0, (run "--check"))
    refuses("CHANGELOG.md has no entries under [Unreleased]", "1.4.0", "2026-11-29")
  end)

  it("writes a version that comes before another one, and then that one", function ()
    local code, stderr = run("1.3.0-rc.2", "2026-11-28")
    assert.equal(0, code, stderr)
    local function of (path) return scratch.read(folder .. "/" .. path) end
    assert.equal('-- The version.\n\nreturn "1.3.0-rc.2"\n', of "lua/predibase/version.lua")
    assert.equal([[
package = "predibase"
version = "1.3.0rc2-1"

source = {
  url = "https://github.com/predibase-lua/predibase/releases/download/v1.3.0-rc.2/]]
      .. [[predibase-1.3.0-rc.2.tar.gz",
  dir = "predibase-1.3.0-rc.2",
}

build = { type = "builtin" }
]], of "rockspecs/predibase-1.3.0rc2-1.rockspec")
    assert.matches("\n## %[1%.3%.0%-rc%.2%] %- 2026%-11%-28\n", of "CHANGELOG.md")
    assert.equal(0, (run "--check"))
    edit("CHANGELOG.md", "## %[Unreleased%]\n", "## [Unreleased]\n\n### Fixed\n\n- A fault.\n")
    for _, older in ipairs { "1.3.0-rc.1", "1.3.0-beta.3", "1.3.0-alpha.9", "1.2.9" } do
      refuses(older .. " is older than the version of the library, 1.3.0-rc.2", older, "2026-11-29")
    end
    assert.equal(0, (run("1.3.0-rc.10", "2026-11-29")))
    edit("CHANGELOG.md", "## %[Unreleased%]\n", "## [Unreleased]\n\n### Fixed\n\n- A fault.\n")
    assert.equal(0, (run("1.3.0", "2026-11-30")))
    assert.equal(0, (run "--check"))
  end)

  it("refuses a version that is none, or not newer", function ()
    for _, version in ipairs { "1.3", "v1.3.0", "1.03.0", "1.3.0-rc1", "1.3.0-rc.01",
      "1.3.0-new.1", "1.3.0+1", "''" } do
      refuses("VERSION must be X.Y.Z", version, "2026-11-28")
    end
    refuses("1.1.9 is older than the version of the library, 1.2.0", "1.1.9", "2026-11-28")
    refuses("1.2.0 is not newer than 1.2.0, which was released on 2026-01-31", "1.2.0",
      "2026-11-28")
    refuses("rockspecs/predibase-1.2.0-1.rockspec exists already", "1.2.0", "2026-11-28")
    assert.equal(0, (run("1.10.0", "2026-11-28")))
  end)

  it("refuses a date that does not exist", function ()
    for _, date in ipairs { "2026-02-29", "28.11.2026", "2026-13-01", "today" } do
      refuses("the date must be YYYY-MM-DD", "1.3.0", date)
    end
  end)

  it("refuses a changelog of another form", function ()
    edit("CHANGELOG.md", "### Added", "### New things")
    refuses('the heading "New things" is none of Keep a Changelog', "1.3.0", "2026-11-28")
    edit("CHANGELOG.md", "## %[Unreleased%]", "## Next")
    refuses("does not begin with the heading ## [Unreleased]", "1.3.0", "2026-11-28")
    edit("CHANGELOG.md", "## %[1%.2%.0%] %- 2026%-01%-31", "## 1.2.0, in January")
    refuses('the heading "1.2.0, in January" is not [X.Y.Z] - YYYY-MM-DD', "1.3.0", "2026-11-28")
    edit("CHANGELOG.md", "\n%- Something%.", "")
    refuses("has no entries under [Unreleased]", "1.3.0", "2026-11-28")
  end)

  it("notices that the copies of the version differ", function ()
    edit("src/version.h", "1%.2%.0", "1.1.0")
    refuses("src/version.h has 1.1.0, lua/predibase/version.lua has 1.2.0", "--check")
    edit("src/version.h", "1%.2%.0", "1.2.0")
    assert.equal(0, (run "--check"))
    os.remove(folder .. "/rockspecs/predibase-1.2.0-1.rockspec")
    refuses("rockspecs/predibase-1.2.0-1.rockspec is missing", "--check")
  end)
end)
