-- SPDX-License-Identifier: MIT
-- Runs in Neovim: installs the plugins of a lazy.nvim spec from a folder of repositories, as
-- lazy.nvim does: a clone for each, `build` in the clone by the shell, both in the runtime path.
-- Then runs the command of the plugin.
-- usage: nvim --headless -u NONE -c 'luafile spec/shipping/lazy.lua'
--   with SPEC, REPOSITORIES and PLUGINS (paths) in the environment

local spec = dofile(vim.env.SPEC)

local function say (...) io.stdout:write(string.format(...), "\n") end

local function run (folder, command)
  local output = vim.fn.system { "sh", "-c", "cd \"$0\" && " .. command, folder }
  if vim.v.shell_error ~= 0 then error(command .. "\n" .. output) end
end

local function install (plugin)
  for _, other in ipairs(plugin.dependencies or {}) do install(other) end
  local name = plugin[1]:match "[^/]+$"
  local folder = vim.env.PLUGINS .. "/" .. name
  run(vim.env.REPOSITORIES, ("git clone -q %s %s"):format(name, folder))
  if plugin.build then run(folder, plugin.build) end
  vim.opt.runtimepath:prepend(folder)
  vim.cmd("runtime! plugin/" .. name:gsub("%.nvim$", "") .. ".lua")
  return name
end

local ok, err = pcall(function ()
  install(spec)
  vim.cmd "Haiku the sea"
  vim.wait(9000, function () return vim.g.haiku_is_done end)
  local shown = vim.fn.execute "messages"
  assert(shown:find("A poem about the sea", 1, true), "the plugin said: " .. shown)
  local core = vim.api.nvim_get_runtime_file("lua/predibase/curl.so", false)[1]
  assert(core and vim.startswith(core, vim.env.PLUGINS), "the C core is not that of the clone")
end)
say("%s", ok and "the plugin works" or err)
vim.cmd(ok and "qall!" or "cquit!")
