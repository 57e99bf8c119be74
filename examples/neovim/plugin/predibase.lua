-- SPDX-License-Identifier: MIT
-- The commands. What they do is loaded when one of them is used for the first time.

if vim.g.loaded_predibase then return end
vim.g.loaded_predibase = true

vim.api.nvim_create_user_command("Predibase", function (command)
  require("predibase_nvim").ask(command.args, {
    range = command.range > 0 and { command.line1, command.line2 } or nil,
    replace = command.bang,
  })
end, {
  nargs = "*", range = true, bang = true,
  desc = "Let a language model write here; with a range, about these lines (!: in their place)",
})

vim.api.nvim_create_user_command("PredibaseStop", function (command)
  require("predibase_nvim").stop(not command.bang and vim.api.nvim_get_current_buf() or nil)
end, { bang = true, desc = "Stop what is being written in this buffer (!: everywhere)" })

vim.api.nvim_create_autocmd("VimLeavePre", {
  group = vim.api.nvim_create_augroup("predibase", {}),
  callback = function ()
    local plugin = package.loaded.predibase_nvim
    if plugin then plugin.close() end
  end,
})
