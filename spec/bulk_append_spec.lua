-- SPDX-License-Identifier: MIT
--- The file to which records are appended: locks, full disks, links, deleted files.

local append = require "predibase.append"
local child = require "spec.support.child"
local lifetime = require "spec.support.lifetime"
local scratch = require "spec.support.scratch"
local uv = require "luv"

local SIGKILL = 9

describe("predibase.append", function ()
  local folder, path

  before_each(function ()
    folder = scratch.new()
    path = folder .. "/out.jsonl"
  end)
  after_each(function () scratch.remove(folder) end)

  local function open (name)
    return assert(append.open(name or path))
  end

  it("makes a file and appends records", function ()
    local file = open()
    assert.equal(0, file:size())
    assert.is_true(file:write("one\n"))
    assert.is_true(file:write("two\0\n"))
    assert.equal(9, file:size())
    assert.is_true(file:sync())
    assert.is_true(file:close())
    assert.equal("one\ntwo\0\n", scratch.read(path))
    file = open()
    assert.equal(9, file:size())
    assert.is_true(file:write("three\n"))
    file:close()
    assert.equal("one\ntwo\0\nthree\n", scratch.read(path))
  end)

  it("reads, counts and shortens", function ()
    scratch.write(path, 'a,"b\nc"\nd\n"e""\n"\n' .. ("\0"):rep(40000))
    local file = open()
    assert.equal("a,", file:read(0, 2))
    assert.equal("\nc", file:read(4, 2))
    assert.equal(32768, #file:read(1, 1e9))
    assert.is_nil(file:read(file:size(), 10))
    assert.equal(5, file:count())
    assert.equal(3, file:count(true))
    assert.equal(17, file:data_end())
    assert.is_true(file:truncate(17))
    assert.equal(17, file:size())
    assert.equal(17, file:data_end())
    assert.is_true(file:write("f\n"))
    assert.has_error(function () file:truncate(20) end)
    assert.has_error(function () file:truncate(-1) end)
    assert.has_error(function () file:read(20, 1) end)
    assert.has_error(function () file:read(0, 0) end)
    assert.is_true(file:truncate(0))
    assert.equal(0, file:data_end())
    assert.equal(0, file:count(true))
    file:close()
    assert.equal("", scratch.read(path))
  end)

  it("finds the end of data that is followed by many zeros", function ()
    for _, data in ipairs { "", "x\n", ("y"):rep(32767) .. "\n" } do
      for _, zeros in ipairs { 0, 1, 32767, 32768, 32769, 70000 } do
        scratch.write(path, data .. ("\0"):rep(zeros))
        local file = open()
        assert.equal(#data, file:data_end())
        file:close()
      end
    end
  end)

  it("refuses a second run, in this process and in another one", function ()
    local file = open()
    local other, why, locked = append.open(path)
    assert.is_nil(other)
    assert.equal(path .. ": another run writes to this file", why)
    assert.is_true(locked)
    local run = child.start(child.interpreter(), { args = { "-e", ([[
      print(select(2, require "predibase.append".open(%q)))]]):format(path) } })
    assert.equal(0, run:wait(), run.stderr)
    assert.is_truthy(run.stdout:find("another run writes to this file", 1, true), run.stdout)
    file:close()
    other = open()
    other:close()
  end)

  it("locks the file behind a symbolic link", function ()
    assert(uv.fs_symlink("out.jsonl", folder .. "/link"))
    local file = open(folder .. "/link")
    assert.is_nil(append.open(path))
    assert.is_true(file:write("x\n"))
    assert.is_true(file:sync())
    file:close()
    assert.equal("x\n", scratch.read(path))
    assert.equal("link", assert(uv.fs_lstat(folder .. "/link")).type)
  end)

  it("releases the lock when the process is killed", function ()
    local run = child.start(child.interpreter(), { keep_stdin = true, args = { "-e", ([[
      local file = assert(require "predibase.append".open(%q))
      assert(file:write("x\n"))
      io.write("ready\n") io.flush()
      io.read()]]):format(path) } })
    run:wait_for("ready")
    assert.is_nil(append.open(path))
    run:kill(SIGKILL)
    assert.equal(128 + SIGKILL, run:wait())
    local file = open()
    assert.equal(2, file:size())
    file:close()
  end)

  it("does not give the lock to a program that the process starts", function ()
    local file = open()
    local run = child.start("sleep", { args = { "60" } })
    file:close()
    local again = open()
    run:kill(SIGKILL)
    run:wait()
    again:close()
  end)

  it("opens regular files only", function ()
    local cases = { [folder] = "directory", ["/dev/null"] = "is not a regular file",
      [folder .. "/none/file"] = "No such file", [folder .. "/a\0b"] = "Invalid",
      [folder .. "/" .. ("x"):rep(5000)] = "too long", [""] = "No such file" }
    assert(uv.spawn("mkfifo", { args = { folder .. "/pipe" } }, function () end))
    uv.run()
    cases[folder .. "/pipe"] = "is not a regular file"
    assert(uv.fs_symlink("loop", folder .. "/loop"))
    cases[folder .. "/loop"] = "ymbolic link"     -- in glibc's words and in musl's
    for name, wanted in pairs(cases) do
      local file, why, locked = append.open(name)
      assert.is_nil(file, name)
      assert.is_truthy(why:find(wanted, 1, true), why)
      assert.is_falsy(locked)
    end
  end)

  it("says that a folder or a file cannot be written", function ()
    assert(uv.fs_mkdir(folder .. "/closed", 365))            -- 0555
    scratch.write(folder .. "/readonly", "x\n")
    assert(uv.fs_chmod(folder .. "/readonly", 292))          -- 0444
    assert(uv.fs_chmod(folder, 511))
    local program = ([[
      local append = require "predibase.append"
      print(select(2, append.open(%q)))
      print(select(2, append.open(%q)))]]):format(folder .. "/closed/out", folder .. "/readonly")
    local run
    if uv.getuid() == 0 then
      -- Root may write everywhere, so another user tries. It may not reach the checkout either.
      local library
      for template in package.cpath:gmatch "[^;]+" do
        local name = template:gsub("%?", "predibase/append")
        if not library and uv.fs_stat(name) then library = name end
      end
      assert(uv.fs_mkdir(folder .. "/predibase", 493))
      assert(uv.fs_copyfile(library, folder .. "/predibase/append.so"))
      run = child.start("setpriv", { args = { "--reuid", "12347", "--regid", "12348",
        "--clear-groups", child.interpreter(), "-e",
        ("package.cpath = %q %s"):format(folder .. "/?.so", program) } })
    else
      run = child.start(child.interpreter(), { args = { "-e", program } })
    end
    assert.equal(0, run:wait(), run.stderr)
    local _, count = run.stdout:gsub("Permission denied", "")
    assert.equal(2, count, run.stdout)
  end)

  it("notices that the file was deleted or replaced", function ()
    local file = open()
    file:write("one\n")
    os.remove(path)
    assert.is_true(file:write("two\n"))
    local ok, why = file:sync()
    assert.is_nil(ok)
    assert.is_truthy(why:find("deleted or replaced", 1, true), why)
    scratch.write(path, "another")
    assert.is_nil(file:sync())
    assert.is_nil(file:remove())
    file:close()
    assert.equal("another", scratch.read(path))
  end)

  it("removes the file itself", function ()
    assert(uv.fs_symlink("out.jsonl", folder .. "/link"))
    local file = open(folder .. "/link")
    assert.is_true(file:remove())
    file:close()
    assert.is_nil(uv.fs_stat(path))
    assert.equal("link", assert(uv.fs_lstat(folder .. "/link")).type)
  end)

  it("gets another path in its folder, in place of another file", function ()
    scratch.write(folder .. "/whole.jsonl", "earlier\n")
    local file = assert(append.open(path))
    assert(file:write "a\n")
    assert.is_true(file:rename(folder .. "/whole.jsonl"))
    assert.is_nil(uv.fs_stat(path))
    assert(file:write "b\n")
    assert.is_true(file:sync())
    assert.equal("a\nb\n", scratch.read(folder .. "/whole.jsonl"))
    local ok, problem = file:rename(folder .. "/none/whole.jsonl")
    assert.is_nil(ok)
    assert.equal(folder .. "/none/whole.jsonl: No such file or directory", problem)
    assert.matches("Invalid argument", select(2, file:rename "a\0b"))
    os.remove(folder .. "/whole.jsonl")
    assert.matches("deleted or replaced", select(2, file:rename(path)))
    file:close()
  end)

  it("tells whether two paths are one file", function ()
    scratch.write(path, "")
    scratch.write(folder .. "/other", "")
    assert(uv.fs_symlink("out.jsonl", folder .. "/link"))
    assert.is_true(append.same_file(path, folder .. "/./out.jsonl"))
    assert.is_true(append.same_file(path, folder .. "/link"))
    assert.is_false(append.same_file(path, folder .. "/other"))
    assert.is_false(append.same_file(path, folder .. "/none"))
    assert.is_false(append.same_file(folder .. "/none", folder .. "/none"))
  end)

  it("keeps whole records when the file may not grow", function ()
    -- A limit of 4 blocks: 2 KiB, or 4 KiB where a block has 1 KiB.
    local run = child.start("sh", { args = { "-c",
      [[trap '' XFSZ; ulimit -f 4; exec "$0" -e "$1"]], child.interpreter(), ([[
      local file = assert(require "predibase.append".open(%q))
      local record = ("x"):rep(299) .. "\n"
      local count, ok, why = 0
      repeat
        ok, why = file:write(record)
        if ok then count = count + 1 end
      until not ok
      assert(file:size() == 300 * count)
      print(count)
      print(why)
      assert(not file:write(record))
      assert(file:write("short\n"))
      assert(file:sync())
      assert(file:close())]]):format(path) } })
    assert.equal(0, run:wait(), run.stderr)
    local count, why = run.stdout:match("^(%d+)\n([^\n]*)")
    assert.is_truthy(why:find("File too large", 1, true), run.stdout)
    assert.is_true(tonumber(count) >= 6)
    assert.equal((("x"):rep(299) .. "\n"):rep(tonumber(count)) .. "short\n", scratch.read(path))
  end)

  it("leaves what another program has written when a write fails", function ()
    local run = child.start("sh", { args = { "-c",
      [[trap '' XFSZ; ulimit -f 4; exec "$0" -e "$1"]], child.interpreter(), ([[
      local file = assert(require "predibase.append".open(%q))
      assert(file:write("ours\n"))
      local other = assert(io.open(%q, "ab"))
      other:write("theirs\n")
      other:close()
      assert(not file:write(("x"):rep(10000)))
      print(select(2, file:write("more\n")))
      assert(file:close())]]):format(path, path) } })
    assert.equal(0, run:wait(), run.stderr)
    assert.is_truthy(run.stdout:find("another program has written to this file", 1, true),
      run.stdout)
    assert.equal("ours\ntheirs\n", scratch.read(path):sub(1, 12))
  end)

  it("keeps whole records on a full disk", function ()
    if uv.getuid() ~= 0 then return pending "only root can mount a small file system" end
    -- In a mount namespace of its own, so that nothing of it remains.
    local run = child.start("unshare", { args = { "-m", "sh", "-c",
      [[mount -t tmpfs -o size=64k none "$2" && exec "$0" -e "$1"]], child.interpreter(), ([[
      local path = %q
      local file = assert(require "predibase.append".open(path))
      local record = ("x"):rep(4999) .. "\n"
      local count, ok, why = 0
      repeat
        ok, why = file:write(record)
        if ok then count = count + 1 end
      until not ok
      print(why)
      local copy = assert(io.open(path, "rb"))
      assert(copy:read("*a") == record:rep(count))
      copy:close()
      assert(file:truncate(0))
      assert(file:write(record))
      assert(file:close())]]):format(path), folder } })
    local code = run:wait()
    if code ~= 0 and (run.stderr:find("ermitted", 1, true)
        or run.stderr:find("cannot change root filesystem", 1, true)) then      -- in a chroot
      return pending "mounting is not allowed here"
    end
    assert.equal(0, code, run.stderr)
    assert.is_truthy(run.stdout:find("No space left on device", 1, true), run.stdout)
  end)

  it("is closed once, and then refuses everything", function ()
    local file = open()
    assert.is_true(file:close())
    assert.is_true(file:close())
    for _, name in ipairs { "write", "sync", "size", "truncate", "read", "count", "data_end",
      "remove" } do
      assert.has_error(function () file[name](file, "x") end, "attempt to use a closed file")
    end
    assert.equal("predibase.append (closed)", tostring(file))
    assert.has_error(function () file.size(io.stdout) end)
  end)

  it("leaves no descriptor behind", function ()
    local before = lifetime.files()
    for _ = 1, 10 do
      open()
      append.open(folder)
      append.open(folder .. "/none/x")
      local held = append.open(folder .. "/held")
      append.open(folder .. "/held")
      lifetime.collect()
      assert.is_truthy(held)
      held:close()
    end
    lifetime.collect()
    assert.equal(before, lifetime.files())
  end)
end)
