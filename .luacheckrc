-- Only the globals that Lua 5.1 to 5.5 and LuaJIT share.
std = "min"
max_line_length = 100
exclude_files = { "build", ".luarocks", "lua_modules" }
files["spec"].std = "min+busted"
files["*.rockspec"].std = "+rockspec"
files[".busted"] = { std = "min", globals = { "jit" } }
-- The host program sets these globals.
files["spec/c/host_memory.lua"].read_globals = { "port", "arm", "disarm" }
files["spec/c/host_memory.lua"].ignore = { "311" }
files["spec/c/host_memory_wire.lua"].read_globals = { "port", "arm", "disarm" }
files["spec/c/host_memory_files.lua"].read_globals = { "arm", "disarm", "folder", "from", "to",
  "interrupt" }
-- LÖVE and Neovim set their own globals; both contain LuaJIT.
files["examples/love"].std = "min+love"
files["examples/neovim"].std = "luajit"
files["examples/neovim"].read_globals = { vim = { other_fields = true, fields = {
  g = { read_only = false, other_fields = true },
} } }
files["spec/examples/love"].std = "luajit+love"
files["spec/examples/neovim"].std = "luajit"
files["spec/examples/neovim"].globals = { "vim", "Told" }
files["spec/shipping/lazy.lua"].std = "luajit"
files["spec/shipping/lazy.lua"].globals = { "vim" }
-- These run inside nginx, which sets the global `ngx`.
files["lua/predibase/nginx.lua"].read_globals = { "ngx" }
files["lua/predibase/transport/resty.lua"].read_globals = { "ngx" }
files["lua/predibase/transport/resty"].read_globals = { "ngx" }
files["lua/predibase/resty"].globals = { "ngx" }
files["lua/predibase/resty/counters.lua"].read_globals = { "newproxy" }
files["examples/openresty"].std = "min"
files["examples/openresty"].globals = { "ngx" }
files["spec/soak/reader.lua"].read_globals = { "ngx" }
files["spec/wire_fuzz/fuzz_worker.lua"].read_globals = { "ngx" }
files["spec/support/in_nginx_main.lua"] = { read_globals = { "ngx", "loadstring" } }
