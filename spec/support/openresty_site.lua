-- SPDX-License-Identifier: MIT
-- The site of examples/openresty in a real nginx, with the example's own nginx.conf.
--
--    local site = openresty_site.start { PREDIBASE_BASE_URL = model.url }
--    after_each(nginx.stop)

local in_nginx = require "spec.support.in_nginx"
local nginx = require "spec.support.nginx"
local scratch = require "spec.support.scratch"
local uv = require "luv"

local M = {}

--- Returns the block `http` of the example's nginx.conf, at another address and with other paths.
local function block_of (address, html, lua)
  local block = scratch.read "examples/openresty/nginx.conf":match "\nhttp {\n(.*)}\n$"
  local function change (from, to)
    local first, last = block:find(from, 1, true)
    assert(first, "the example's nginx.conf has no more: " .. from)
    block = block:sub(1, first - 1) .. to .. block:sub(last + 1)
  end
  change("listen 127.0.0.1:8080 default_server;", ("listen %s default_server;"):format(address))
  change("listen 127.0.0.1:8080;", ("listen %s;"):format(address))
  change("root html;", ("root %s;"):format(html))
  change("include resolver.conf;", "")
  change('lua_package_path "${prefix}lua/?.lua;;";', (in_nginx.paths()
    :gsub('(lua_package_path ")', "%1" .. lua .. "/?.lua;")))
  change("access_log logs/access.log model;", "access_log model.log model;")
  block = block:gsub("[%w_]+_temp_path [^;]*;", "")
  return block
end

--- Returns the directives `env` of the example's nginx.conf.
local function variables ()
  local lines = {}
  for line in scratch.read "examples/openresty/nginx.conf":gmatch "\nenv [%u_]+;" do
    lines[#lines + 1] = line
  end
  return table.concat(lines) .. "\n"
end

--- Starts the site.
-- @tparam table env variables, among them `PREDIBASE_BASE_URL`
-- @treturn table see `spec.support.nginx`, with `url`, which ends in a slash
function M.start (env)
  local here = uv.cwd() .. "/examples/openresty"
  local all = in_nginx.sanitizers()
  for name, value in pairs(env) do all[name] = value end
  local site = nginx.start({ "main" }, function (address)
    return block_of(address.main, here .. "/html", here .. "/lua")
  end, { main = in_nginx.modules() .. variables(), env = all })
  site.url = "http://127.0.0.1:" .. site.port.main .. "/"
  return site
end

return M
