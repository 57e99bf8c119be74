-- SPDX-License-Identifier: MIT
local child = require "spec.support.child"
local replace = require "predibase.replace"
local scratch = require "spec.support.scratch"
local uv = require "luv"

describe("predibase.replace", function ()
  local folder, path

  before_each(function ()
    folder = scratch.new()
    path = folder .. "/file"
  end)
  after_each(function () scratch.remove(folder) end)

  local function mode_of (name) return assert(uv.fs_stat(name)).mode % 512 end

  local function names ()
    local list, entries = {}, assert(uv.fs_scandir(folder))
    for name in function () return (uv.fs_scandir_next(entries)) end do list[#list + 1] = name end
    table.sort(list)
    return list
  end

  it("makes a file for its owner alone", function ()
    assert.is_true(replace.write(path, "a\0b"))
    assert.equal("a\0b", scratch.read(path))
    assert.equal(384, mode_of(path))             -- 0600
    assert.same({ "file" }, names())
  end)

  it("keeps the permissions of a file that is there", function ()
    for _, mode in ipairs { 416, 420, 256 } do   -- 0640, 0644, 0400
      scratch.write(path, "old")
      assert(uv.fs_chmod(path, mode))
      assert.is_true(replace.write(path, "new"))
      assert.equal("new", scratch.read(path))
      assert.equal(mode, mode_of(path))
      os.remove(path)
    end
  end)

  it("lets no other group read what the group of the old file might", function ()
    if uv.getuid() ~= 0 then return pending "only root can become two users" end
    local library
    for template in package.cpath:gmatch "[^;]+" do
      local name = template:gsub("%?", "predibase/replace")
      if not library and uv.fs_stat(name) then library = name end
    end
    assert(uv.fs_mkdir(folder .. "/predibase", 493))
    assert(uv.fs_copyfile(library, folder .. "/predibase/replace.so"))
    assert(uv.fs_chmod(folder, 511))
    scratch.write(path, "old")
    assert(uv.fs_chown(path, 12345, 12346))
    assert(uv.fs_chmod(path, 416))               -- 0640
    local run = child.start("setpriv", { args = { "--reuid", "12347", "--regid", "12348",
      "--clear-groups", child.interpreter(), "-e",
      ("package.cpath = %q assert(require 'predibase.replace'.write(%q, 'new'))"):format(
        folder .. "/?.so", path) } })
    assert.equal(0, run:wait(), run.stderr)
    assert.equal("new", scratch.read(path))
    assert.equal(384, mode_of(path))             -- 0600
    assert.equal(12347, assert(uv.fs_stat(path)).uid)
  end)

  it("puts a new file in the place of the old one", function ()
    scratch.write(path, "old")
    local reader = assert(io.open(path, "rb"))
    assert.is_true(replace.write(path, ("new"):rep(100000)))
    assert.equal("old", reader:read "*a")
    reader:close()
    assert.equal(("new"):rep(100000), scratch.read(path))
  end)

  it("follows symbolic links, to what is not there as well", function ()
    assert(uv.fs_mkdir(folder .. "/deep", 448))
    assert(uv.fs_symlink("deep/target", folder .. "/second"))
    assert(uv.fs_symlink(folder .. "/second", path))
    for _, text in ipairs { "first", "again" } do
      assert.is_true(replace.write(path, text))
      assert.equal(text, scratch.read(folder .. "/deep/target"))
      assert.equal("link", assert(uv.fs_lstat(path)).type)
      assert.equal("link", assert(uv.fs_lstat(folder .. "/second")).type)
    end
    assert.same({ "deep", "file", "second" }, names())
  end)

  it("tells what is wrong, and leaves nothing behind", function ()
    assert(uv.fs_symlink("file", path))
    local long = folder .. "/" .. ("x"):rep(5000)
    for name, wanted in pairs { [path] = "ymbolic link", [folder] = "directory",
      [folder .. "/none/file"] = "No such file", [long] = "too long", ["/dev/null"] = "Invalid",
      [folder .. "/a\0b"] = "Invalid", [""] = "No such file" } do
      local ok, why = replace.write(name, "x")
      assert.is_nil(ok, name)
      assert.is_truthy(why:find(wanted, 1, true), why)
    end
    assert.same({ "file" }, names())
    assert.equal("char", assert(uv.fs_stat "/dev/null").type)
  end)

  it("is not misled by a link that was put beside the file", function ()
    -- In earlier releases the name of the temporary file could be guessed.
    assert(uv.fs_symlink("elsewhere", path .. ".part"))
    assert.is_true(replace.write(path, "x"))
    assert.same({ "file", "file.part" }, names())
    assert.equal("file", assert(uv.fs_lstat(path)).type)
  end)

  it("finds what a link leads to, and copies permissions", function ()
    assert(uv.fs_symlink("target", path))
    assert.equal(folder .. "/target", replace.follow(path))
    assert.equal(folder .. "/none", replace.follow(folder .. "/none"))
    assert.is_true(replace.copy_attributes(path, folder .. "/none"))     -- there is no target
    scratch.write(path, "x")
    assert(uv.fs_chmod(path, 416))               -- 0640
    scratch.write(folder .. "/other", "y")
    assert.is_true(replace.copy_attributes(path, folder .. "/other"))
    assert.equal(416, mode_of(folder .. "/other"))
    local ok, why = replace.copy_attributes(path, folder .. "/none")
    assert.is_nil(ok)
    assert.equal(folder .. "/none: No such file or directory", why)
    assert(uv.fs_symlink("loop", folder .. "/loop"))
    for _, bad in ipairs { folder .. "/loop", "a\0b", ("x"):rep(5000) } do
      ok, why = replace.follow(bad)
      assert.is_nil(ok)
      assert.is_truthy(why)
    end
  end)
end)
