-- SPDX-License-Identifier: MIT
local paths = require "predibase.paths"

describe("paths", function ()
  it("divides a path at its last separator", function ()
    assert.same({ "a/b/", "c.txt" }, { paths.split("a/b/c.txt", false) })
    assert.same({ "", "c.txt" }, { paths.split("c.txt", false) })
    assert.same({ "a/", "" }, { paths.split("a/", false) })
    assert.same({ "", [[a\b]] }, { paths.split([[a\b]], false) })
  end)

  it("knows both separators and drives of Windows", function ()
    assert.same({ [[C:\a\]], "b.txt" }, { paths.split([[C:\a\b.txt]], true) })
    assert.same({ "a/b\\", "c" }, { paths.split("a/b\\c", true) })
    assert.same({ "C:", "c" }, { paths.split("C:c", true) })
  end)

  it("finds the folder of the user", function ()
    local function getenv (name) return name == "HOME" and "/home/a" or nil end
    assert.equal("/home/a", paths.home(getenv))
    assert.is_nil(paths.home(function () return nil end))
    local windows = paths.home(function (name) return name == "USERPROFILE" and "C:\\a" or nil end)
    assert.equal(paths.on_windows() and "C:\\a" or nil, windows)
  end)

  it("replaces a tilde as a shell does", function ()
    local function getenv (name) return name == "HOME" and "/home/50%" or nil end
    assert.equal("/home/50%/x", paths.expand("~/x", getenv))
    assert.equal("~a/x", paths.expand("~a/x", getenv))
    assert.equal("~/x", paths.expand("~/x", function () return nil end))
  end)

  it("names a device that is always empty", function ()
    local file = assert(io.open(paths.null_device, "r"))
    assert.is_nil(file:read(1))
    file:close()
  end)
end)
