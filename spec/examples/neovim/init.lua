-- SPDX-License-Identifier: MIT
-- What the editor under test starts with: the plugin, and a notebook for what it tells the user.

vim.opt.runtimepath:prepend(vim.env.PLUGIN)
vim.opt.swapfile = false
vim.opt.shadafile = "NONE"

-- Should the spec be ended before it can end this.
vim.defer_fn(function () vim.cmd "qa!" end, 300000)

Told = {}

function vim.notify (message, level)     -- luacheck: ignore 122
  table.insert(Told, { message = message, level = level or vim.log.levels.INFO })
end
