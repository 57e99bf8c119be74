-- SPDX-License-Identifier: MIT
--- Finds out from files, without loading libcurl, whether the C module `predibase.curl` will have a
-- libcurl that will do: from the module, the cache of glibc's loader, and the file of libcurl.
-- @module predibase.requirements.libcurl_file

local M = {}

-- A C module that was compiled with the headers of libcurl 7.85 (0xXXYYZZ for X.Y.Z), or a newer
-- one, uses an option that older ones refuse (CURLOPT_PROTOCOLS_STR).
local NEW_PROTOCOLS = 0x075500

local SHARED_OBJECT = "\127ELF"
local BLOCK, OVERLAP = 32768, 32        -- bytes

--- Returns a part of a file, or nil.
local function read (path, from, bytes)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:seek("set", from) and file:read(bytes)
  file:close()
  return text
end

--- Returns the path of a library in the cache of glibc's loader; nil when it has none or several.
local function library_path (cache, name)
  local found
  local at, stop = cache:find("/" .. name, 1, true)
  while at do
    if cache:find("^%c", stop + 1) then
      if found then return nil end
      found = cache:sub(math.max(1, at - 4096), stop):match "(/[^%c]+)$"
    end
    at, stop = cache:find("/" .. name, stop, true)
  end
  return found
end

--- Returns the version that is written in the file of a libcurl, as libcurl writes numbers. It is
-- one of the texts, which are in the second half of the file.
local function version_in (path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local size = file:seek "end" or 0
  local at, place, text = size, nil, nil
  while not place and at > size / 2 do
    at = at - BLOCK
    text = file:seek("set", math.max(0, at)) and file:read(BLOCK + OVERLAP) or ""
    place = text:find("libcurl/", 1, true)
  end
  file:close()
  local major, minor, patch = (text or ""):match("^libcurl/(%d+)%.(%d+)%.(%d+)", place or 1)
  return major and major * 0x10000 + minor * 0x100 + patch
end

--- Tells whether the C module at a path, and the libcurl that the system's loader finds for it, are
-- files that will do.
-- @tparam string path of the C module `predibase.curl`
-- @tparam[opt] string cache path of the cache of glibc's loader
-- @treturn boolean false when that cannot be told without loading them
function M.will_do (path, cache)
  for _, name in ipairs { "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT" } do
    if (os.getenv(name) or "") ~= "" then return false end
  end
  local head = read(path, 0, 16384)
  local library = head and head:sub(1, 4) == SHARED_OBJECT and head:match "libcurl[%w_-]*%.so%.%d+"
  local listed = library and read(cache or "/etc/ld.so.cache", 0, 2^20)
  local file = listed and library_path(listed, library)
  return ((file and version_in(file)) or 0) >= NEW_PROTOCOLS
end

return M
