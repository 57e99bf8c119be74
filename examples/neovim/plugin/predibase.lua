-- SPDX-License-Identifier: MIT
-- Defines the commands. Their implementation is loaded when one of them is first used.

if vim.g.loaded_predibase then return end
vim.g.loaded_predibase = true

vim.api.nvim_create_user_command("Predibase", function (command)
  require("predibase_nvim").ask(command.args, {
    range = command.range > 0 and { command.line1, command.line2 } or nil,
    replace = command.bang,
  })
end, {
  nargs = "*", range = true, bang = true,
  desc = "Insert an answer of a language model; with a range, send these lines (!: replace them)",
})

vim.api.nvim_create_user_command("PredibaseStop", function (command)
  require("predibase_nvim").stop(not command.bang and vim.api.nvim_get_current_buf() or nil)
end, { bang = true, desc = "Stop the answers being written in this buffer (!: in all buffers)" })

vim.api.nvim_create_autocmd("VimLeavePre", {
  group = vim.api.nvim_create_augroup("predibase", {}),
  callback = function ()
    local plugin = package.loaded.predibase_nvim
    if plugin then plugin.close() end
  end,
})
