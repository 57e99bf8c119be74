-- SPDX-License-Identifier: MIT
-- The scenario that host_memory_files.c repeats with memory running out: records, a set of rows, a
-- folder, a file that is replaced, a pipe, JSON, Ctrl-C. Objects are closed, or left to the
-- collector.

arm()
local append = require "predibase.append"
local descriptor = require "predibase.descriptor"
local done = require "predibase.done"
local names = require "predibase.folder"
local interrupts = require "predibase.interrupt"
local json_text = require "predibase.json_text"
local replace = require "predibase.replace"

local complete = true

-- What runs out of memory raises an error, or returns the system's reason.
local function refused (message)
  assert(tostring(message):find("memory", 1, true), message)
  complete = false
end

local function records ()
  local file = assert(append.open(folder .. "/rows"))
  assert(file:truncate(0))
  for i = 1, 3 do assert(file:write("row " .. i .. "\n")) end
  assert(file:read(0, 100) == "row 1\nrow 2\nrow 3\n")
  assert(file:count() == 3 and file:data_end() == 18 and file:size() == 18)
  assert(file:sync())
  local second, message, locked = append.open(folder .. "/rows")
  assert(not second and message:find "another run" and locked == true)
  assert(append.same_file(folder .. "/rows", folder .. "/./rows"))
  assert(tostring(file):find "rows")
  assert(file:rename(folder .. "/renamed"))
  assert(file:remove())
  assert(file:close())
  assert(tostring(file):find "closed")
  assert(not append.open(folder))
  append.open(folder .. "/other")           -- left to the collector
end

local function rows ()
  local set = done.new(4)
  for i = 1, 200 do
    local hash = done.hash("row " .. i) .. "-" .. done.short_hash(i % 3)
    local ok, new = pcall(set.add, set, "id " .. i, nil, hash)
    if ok then
      assert(new and set:state("id " .. i, nil, hash) == "done")
    else
      refused(new)
      assert(set:state("id " .. i, nil, hash) == nil, "half a row was added")
    end
    local met
    ok, met = pcall(set.repeats, set, "other " .. i)
    if ok then assert(met == false and set:repeats("other " .. i)) else refused(met) end
  end
  assert(not complete or set:count() == 200)
  set:close()
  done.new(100)
end

local function folders ()
  replace.write(folder .. "/whole", "nothing")
  local list, message = names.names(folder, "wh")
  if list then assert(#list == 1 and list[1] == "whole") else refused(message) end
  list, message = names.names(folder .. "/none", "")
  assert(not list and message:find "none")
end

local function whole_files ()
  local path = folder .. "/whole"
  assert(replace.write(path, ("text\n"):rep(1000)))
  assert(replace.follow(path) == path)
  assert(replace.copy_attributes(path, path))
  local written, message = replace.write(folder, "text")
  assert(not written and message:find(folder, 1, true))
end

local function pipes ()
  assert(descriptor.write(to, "a line\n", 1) == 8)
  assert(descriptor.is_ready(from) and not descriptor.is_terminal(from))
  assert(descriptor.read(from, 100) == "a line\n" and not descriptor.width(from))
  local written, message = descriptor.write(-1, "a line\n", 1)
  assert(not written and type(message) == "string")
end

local function texts ()
  local many = {}
  for i = 1, 20 do many["key " .. i] = { i, i / 8, ("x"):rep(i) } end
  local first = json_text.encode(many, {}, print, nil)
  assert(first and first == json_text.encode(many, {}, print, nil))
  assert(not json_text.encode({ a = { print, coroutine.create(function () end) } }, {}, print, nil))
  assert(json_text.has_big_integers "[9007199254740993]")
end

local function signals ()
  assert(interrupts.arm())
  local ok, message = pcall(function ()
    interrupt()
    for _ = 1, 10 do tostring(complete) end
  end)
  assert(not ok)
  if not message:find "interrupted!" then refused(message) end
  assert(interrupts.watch())
  interrupt()
  assert(interrupts.caught() == 2)
  assert(interrupts.disarm() and interrupts.caught() == nil)
  interrupts.arm()                          -- which closing the state has to undo
end

records()
rows()
folders()
whole_files()
pipes()
texts()
signals()
disarm()
return complete and "complete" or "error"
