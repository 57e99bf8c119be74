# SPDX-License-Identifier: MIT
# Targets for building, testing and packaging; `make help` lists them.

LUA ?= lua5.4
LUAS ?= lua5.4 lua5.3 lua5.2 lua5.1 luajit
BUILDDIR ?= build
PREFIX ?= /usr/local

# The source files (src/NAME.c) of each C module; NAME_windows is empty on other
# systems, and NAME beside it on Windows. The rockspec repeats these
# lists for luarocks; tools/check-rockspec.lua (make lint) compares the two.
sse_SOURCES = lua_sse lua_class lua_token answer text_filter splitter stop_match \
  token sse buf
curl_SOURCES = lua_curl lua_exchange lua_target lua_class lua_token pool \
  easy_cache easy_setup exchange transfer_error resend target head h2_gate \
  h2_unread h2_reset wire_log sockets tls_pending sigpipe timers coalesce \
  poller answer text_filter splitter stop_match token sse buf
interrupt_SOURCES = lua_interrupt signals signals_windows
replace_SOURCES = lua_replace whole_file whole_file_windows wide_text
folder_SOURCES = lua_folder folder_reader folder_reader_windows wide_text buf
append_SOURCES = lua_append lua_class record_file record_file_windows wide_text
done_SOURCES = lua_done lua_class done_set buf
descriptor_SOURCES = lua_descriptor standard_io standard_io_windows wide_text
json_text_SOURCES = lua_json_text buf
text_filter_SOURCES = lua_text_filter lua_class splitter stop_match buf
C_MODULES = sse curl interrupt replace folder append done descriptor json_text text_filter
# As tools/check-rockspec.lua takes them: 'NAME=FILES' for each module.
C_MODULE_LISTS = $(foreach module,$(C_MODULES),'$(module)=$($(module)_SOURCES)')

# -Werror is for development and CI only (make build WERROR=-Werror): a warning
# of a new compiler must not prevent users from building the library.
WERROR ?=
WARNINGS = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla \
  -Wstrict-prototypes -Wmissing-prototypes -Wundef
CFLAGS ?= -O2 -g
PLAIN_CFLAGS = -std=c99 -D_GNU_SOURCE -fPIC -fvisibility=hidden -pthread \
  $(WARNINGS) $(WERROR)
ALL_CFLAGS = $(PLAIN_CFLAGS) $(HARDENING) $(CPPFLAGS) $(CFLAGS)

# _FORTIFY_SOURCE is left out with sanitizers, which check the same things more
# thoroughly; without optimization, which glibc requires for it; and when the
# packager's flags set a level already.
FORTIFY = $(if $(findstring FORTIFY,$(CPPFLAGS) $(CFLAGS)),,$(if \
  $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
HARDENING ?= $(if $(findstring -fsanitize,$(CFLAGS)),,$(FORTIFY) \
  -fstack-protector-strong)

# nodelete: a resolver thread of libcurl may outlive lua_close.
SYSTEM ?= $(shell uname -s)
ifeq ($(SYSTEM),Darwin)
SHARED ?= -bundle -undefined dynamic_lookup
else
SHARED ?= -shared -Wl,-z,nodelete -Wl,-z,relro,-z,now $(AS_NEEDED)
# Programs: link with the libraries in use alone; let modules use their symbols.
AS_NEEDED = -Wl,--as-needed
EXPORT = -Wl,-E
endif
SANITIZERS = -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
  -fno-sanitize-recover=undefined

PKG_CONFIG ?= pkg-config
LUA_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags $(LUA))
CURL_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags libcurl)
CURL_LIBS ?= $(shell $(PKG_CONFIG) --libs libcurl)

OUT = $(BUILDDIR)/$(LUA)
MODULES = $(C_MODULES:%=$(OUT)/predibase/%.so)

.PHONY: build help headers demo demo-love demo-neovim demo-openresty test check \
  ctest env lint graph docs types analyse bench install uninstall pages shells clean asan \
  valgrind fuzz rock release rockspec honesty python jinja windows warnings static example-report
.DELETE_ON_ERROR:

build: $(MODULES) $(OUT)/bin/predibase

help:
	@sed -n 's/^## //p' Makefile

## make demo       install what is missing, build, stream an answer
## make test       install what is missing, run the tests (ALL=1: every one
##                 on every Lua)
## make demo-love  the game scene of examples/love; demo-neovim: the plugin;
##                 demo-openresty: the chat page, in nginx
## make build      the C modules for LUA (lua5.5 to lua5.1, luajit)
## make env        shell lines that point LUA at this checkout, for eval
## make check      the tests on LUA alone, installing nothing
## make ctest      the C tests that need no Lua
## make lint       luacheck, rockspec, layout, documentation, file sizes
## make graph      which module requires which (DOT=1: for Graphviz)
## make docs       the manual with the reference of the modules, in build/docs
## make types      the editor types, in types/library
## make analyse    programs checked with the editor types
## make example-report  the report page of an invented bulk run, in build
## make bench      the benchmark table (ARGS=--json, ROUNDS, QUICK=1; PEERS=1: with
##                 other clients; BARS=1: only the rows that have a limit;
##                 PLOT=1: write the figures of docs/performance.md)
## make install    PREFIX, DESTDIR, INSTALL_LMOD, INSTALL_CMOD, INSTALL_ZSH;
##                 make uninstall with the same ones removes what it installed
## make bundle     the library for a host program such as LÖVE, in BUNDLE (LUA)
## make pages      write manual pages and completions into share
## make shells     check the pages, the completions in bash, zsh and fish, and
##                 make uninstall
## make asan       the tests under AddressSanitizer and UBSan (LUA)
## make valgrind   the lifetime specs under valgrind (LUA)
## make faults     the tests of each fault, as a table (Lua 5.4, LuaJIT, nginx)
## make coverage   which lines of C and Lua the tests run (Lua 5.4, nginx)
## make fuzz       all fuzz targets, FUZZ_SECONDS in total
## make fuzz-wire  random exchanges over sockets under sanitizers, MINUTES (1)
## make soak       numbered tokens over 1,000 streams, libcurl and nginx, MINUTES (1)
## make release    tarball, rocks, rockspec and changelog of VERSION (1.2.3);
##                 DATE, DRY_RUN=1
## make rock       a release in a copy: its rocks, installed in four Luas
## make rockspec   write the list of modules into the rockspec
## make jinja      templates, compared with Jinja itself (LUA)
## make matrix     the specs on every Lua, libcurl and host program (ROWS)
## make windows    the zip file for Windows, tested under Wine
## make honesty    third-party clients against the stand-in server
## make python     openai and huggingface_hub against the stand-in server
## make gateways   Envoy, HAProxy, Caddy and nginx in front of the stand-in
##                 server; PAGE=1 writes what it finds into docs/gateways.md
## make portable   what Linux can check of the code for macOS and the BSDs
## make musl       the C modules and tests with musl, the C library of Alpine
## make warnings   gcc and clang, -Werror, every Lua
## make static     cppcheck, clang-tidy and gcc's analyzer
## make clean      remove build

# --- the C modules ----------------------------------------------------------

headers:
	@$(if $(filter curl,$(C_MODULES)),$(PKG_CONFIG) --exists libcurl &&) { test -n '$(LUA_CFLAGS)' || \
	  $(PKG_CONFIG) --exists $(LUA); } || { echo "predibase: headers of" \
	  "libcurl or $(LUA) not found; sh tools/setup.sh build installs" \
	  "them on Debian, LUA_CFLAGS= names them elsewhere" >&2; exit 1; }

objects = $(patsubst %,$(OUT)/obj/%.o,$(1))

$(OUT)/obj/%.o: src/%.c Makefile | headers
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) $(CURL_CFLAGS) -MMD -MP -c -o $@ $<

# One rule for each C module. Only curl needs threads and libcurl.
define link_module
$(OUT)/predibase/$(1).so: $(call objects,$($(1)_SOURCES))
	@mkdir -p $$(@D)
	$$(CC) $$(SHARED) $$(if $$(filter curl,$(1)),-pthread) $$(CFLAGS) $$(LDFLAGS) \
	  -o $$@ $$^ $$(if $$(filter curl,$(1)),$$(CURL_LIBS))
endef
$(foreach module,$(C_MODULES),$(eval $(call link_module,$(module))))

-include $(wildcard $(OUT)/obj/*.d)

# The command, with the interpreter of this build in its first line.
$(OUT)/bin/predibase: bin/predibase Makefile
	@mkdir -p $(@D)
	@sed '1s|.*|#!/usr/bin/env $(LUA)|' bin/predibase > $@
	@chmod +x $@

env: $(OUT)/bin/predibase
	@echo "export LUA_PATH='$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;'"
	@echo "export LUA_CPATH='$(CURDIR)/$(OUT)/?.so;;'"
	@echo "export PATH='$(CURDIR)/$(OUT)/bin:$(CURDIR)/bin':\"\$$PATH\""
	@echo "unset $(foreach v,5_2 5_3 5_4 5_5,LUA_PATH_$(v) LUA_CPATH_$(v))"

# --- first steps ------------------------------------------------------------

demo:
	@sh tools/setup.sh build
	@test -e $(OUT)/predibase/curl.so || echo "predibase: building for $(LUA)"
	@$(MAKE) -s build
	@sh tools/demo.sh $(LUA)

demo-love demo-neovim: demo-%:
	@sh tools/setup.sh $*
	@$(MAKE) -s build LUA=luajit
	@sh tools/demo-host.sh $*

demo-openresty:
	@LUAS=luajit sh tools/setup.sh openresty
	@$(MAKE) -s build LUA=luajit
	@sh tools/demo-openresty.sh

# --- tests ------------------------------------------------------------------

# A C test names the sources that it links with: /* links: buf.c sse.c */
links = $(addprefix src/,$(shell sed -n 's|^/\* links: \(.*\) \*/.*|\1|p' $(1)))
CTESTS = $(patsubst spec/c/%.c,$(BUILDDIR)/c/%,$(wildcard spec/c/test_*.c))
FUZZERS = $(patsubst spec/c/%.c,$(BUILDDIR)/fuzz/%,$(wildcard spec/c/fuzz_*.c))
FUZZ_SECONDS ?= 60
KQUEUE = spec/c/kqueue
C_HEADERS = $(wildcard src/*.h spec/c/*.h $(KQUEUE)/sys/*.h)

.SECONDEXPANSION:

# The tests named _kqueue use a kqueue that is made for them.
$(BUILDDIR)/c/%: spec/c/%.c $$(call links,spec/c/$$*.c) $(C_HEADERS) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Isrc $(if $(findstring kqueue,$@),-I$(KQUEUE)) \
	  $(CURL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) $(AS_NEEDED) $(CURL_LIBS)

$(BUILDDIR)/fuzz/%: spec/c/%.c $$(call links,spec/c/$$*.c) $(C_HEADERS) Makefile
	@mkdir -p $(@D)
	clang $(PLAIN_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(SANITIZERS) -fsanitize=fuzzer -Isrc $(CURL_CFLAGS) \
	  -o $@ $(filter %.c,$^) $(AS_NEEDED) $(CURL_LIBS)

# The tests without linking, for systems whose libraries are missing here.
COMPILED = $(patsubst spec/c/%.c,$(BUILDDIR)/c/obj/%.o,$(filter-out \
  %_kqueue.c,$(wildcard spec/c/test_*.c spec/c/host_*.c)))

$(BUILDDIR)/c/obj/%.o: spec/c/%.c $(C_HEADERS) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Isrc $(LUA_CFLAGS) $(CURL_CFLAGS) -c -o $@ $<

.PHONY: compiled-tests
compiled-tests: $(COMPILED)

# A host program is a C program with Lua and the C modules linked into it.
HOSTS = $(patsubst spec/c/%.c,$(OUT)/c/%,$(wildcard spec/c/host_*.c))
LUA_LIBS ?= $(shell $(PKG_CONFIG) --libs $(LUA))

$(OUT)/c/%: spec/c/%.c $$(call links,spec/c/$$*.c) $(C_HEADERS) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Isrc $(LUA_CFLAGS) $(CURL_CFLAGS) $(LDFLAGS) \
	  $(EXPORT) -o $@ $(filter %.c,$^) $(LUA_LIBS) $(CURL_LIBS) -lm

.PHONY: hosts
hosts: $(HOSTS)

# Run as many compilers at once as there are processors.
PARALLEL = -j $(shell nproc 2>/dev/null || echo 1)

test:
	@LUAS='$(LUAS)' sh tools/setup.sh test
	@for lua in $(LUAS); do command -v $$lua >/dev/null || continue; \
	  echo "predibase: building for $$lua"; \
	  $(MAKE) -s $(PARALLEL) build hosts LUA=$$lua || exit 1; done
	@$(MAKE) -s $(PARALLEL) $(CTESTS)
	@BUILDDIR=$(BUILDDIR) ALL='$(ALL)' sh tools/test.sh c $(LUAS)

check: build hosts $(CTESTS)
	@BUILDDIR=$(BUILDDIR) sh tools/test.sh c $(LUA)

.PHONY: ctests
ctests: $(CTESTS)

ctest: $(CTESTS)
	@BUILDDIR=$(BUILDDIR) sh tools/test.sh c

asan:
	@$(MAKE) -s asan-built BUILDDIR=build/asan CFLAGS='$(SANITIZERS)'

.PHONY: asan-built
asan-built: build hosts $(CTESTS)
	@BUILDDIR=$(BUILDDIR) sh tools/asan.sh $(LUA)

valgrind: build
	@BUILDDIR=$(BUILDDIR) sh tools/valgrind.sh $(LUA)

.PHONY: faults
faults:
	@for lua in lua5.4 luajit; do \
	  $(MAKE) -s $(PARALLEL) build hosts LUA=$$lua || exit 1; done
	@BUILDDIR=$(BUILDDIR) sh tools/faults.sh

# Coverage has a build of its own, without optimization, so that each line keeps
# its code.
.PHONY: coverage coverage-built
coverage:
	@LUAS='lua5.4 luajit' sh tools/setup.sh test
	@for lua in lua5.4 luajit; do \
	  $(MAKE) -s $(PARALLEL) coverage-built LUA=$$lua BUILDDIR=build/coverage \
	    CFLAGS='-O0 -g --coverage' || exit 1; done
	@BUILDDIR=build/coverage sh tools/coverage.sh

coverage-built: build hosts $(CTESTS) $(OUT)/line_hits.so

# The folder of the hits is compiled in, because tests start programs with few
# variables. The standalone interpreters read the variable INIT.
LINE_HITS = $(abspath $(BUILDDIR))/lines
INIT = LUA_INIT$(subst lua5.,_5_,$(filter lua5.4,$(LUA)))

$(OUT)/line_hits.so: tools/coverage/line_hits.c Makefile
	@mkdir -p $(@D)
	$(CC) $(PLAIN_CFLAGS) -O2 -fvisibility=default $(LUA_CFLAGS) \
	  -DLINE_HITS_FOLDER='"$(LINE_HITS)"' -DLINE_HITS_INIT='"$(INIT)"' \
	  -DLINE_HITS_LIBRARY='"$(abspath $@)"' \
	  -DLINE_HITS_LUAJIT=$(if $(filter luajit,$(LUA)),1,0) \
	  -shared -Wl,-z,lazy -o $@ $< -ldl

fuzz: $(FUZZERS)
	@sh tools/fuzz.sh $(FUZZ_SECONDS) $(FUZZERS)

MINUTES ?= 1

# Exchanges over sockets, with sanitizers. TRANSPORT, CASE and BATCH repeat one that failed; SEED,
# EXCHANGES and WORKERS are for the whole run.
$(BUILDDIR)/wire_fuzz/fuzz_server: spec/wire_fuzz/fuzz_server.c bench/wire.c bench/wire.h Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) -lssl -lcrypto

.PHONY: fuzz-wire
fuzz-wire: export MINUTES := $(MINUTES)
$(foreach name,TRANSPORT CASE BATCH SEED EXCHANGES WORKERS,$(eval \
  fuzz-wire: export $(name) := $($(name))))
fuzz-wire:
	@LUAS='lua5.4 luajit' sh tools/setup.sh wire
	@$(MAKE) -s $(BUILDDIR)/wire_fuzz/fuzz_server
	@for lua in lua5.4 luajit; do $(MAKE) -s $(PARALLEL) build LUA=$$lua BUILDDIR=build/asan \
	  CFLAGS='$(SANITIZERS)' || exit 1; done
	@sh tools/fuzz-wire.sh $(BUILDDIR)/wire_fuzz/fuzz_server build/asan

$(BUILDDIR)/soak/soak_server: spec/soak/soak_server.c bench/wire.c bench/wire.h Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^)

# One half of the streams runs inside nginx, which contains LuaJIT.
.PHONY: soak
soak:
	@LUAS='$(LUA) luajit' sh tools/setup.sh test
	@$(MAKE) -s build $(BUILDDIR)/soak/soak_server
	@$(MAKE) -s build LUA=luajit
	@eval "$$($(MAKE) -s env LUA=luajit)"; export LUA_PATH="./?.lua;$$LUA_PATH"; \
	  SOAK_MINUTES=$(MINUTES) luajit spec/soak/run.lua $(BUILDDIR)/soak/soak_server $(LUA) \
	  '$(CURDIR)/$(OUT)/?.so;;'

# The Luas for which the LuaRocks of Debian can install.
ROCK_LUAS ?= lua5.4 lua5.3 lua5.1 luajit

rock:
	@sh tools/rehearsal.sh $(ROCK_LUAS)

release:
	@LUAS='$(ROCK_LUAS)' sh tools/release.sh '$(VERSION)'

.PHONY: matrix
matrix:
	@sh tools/setup.sh matrix
	@sh tools/matrix.sh $(ROWS)

jinja: build
	@sh spec/jinja/run.sh $(LUA)

honesty: build
	@bash spec/honesty/run.sh

python: build
	@sh spec/python/run.sh

.PHONY: gateways
gateways:
	@sh tools/setup.sh gateways
	@sh spec/gateways/run.sh $(if $(PAGE),--page)

.PHONY: portable
portable:
	@sh tools/setup.sh portable
	@sh spec/portable/run.sh

windows:
	@sh tools/setup.sh windows
	@sh tools/windows.sh test

.PHONY: musl
musl:
	@sh tools/setup.sh musl
	@sh spec/musl/run.sh

# --- upkeep -----------------------------------------------------------------

warnings:
	@for cc in gcc clang; do \
	  command -v $$cc >/dev/null || { echo "$$cc: 1 skipped, not installed"; \
	  continue; }; for lua in $(LUAS); do \
	  command -v $$lua >/dev/null || continue; \
	  $(MAKE) -s build hosts CC=$$cc LUA=$$lua WERROR=-Werror \
	    BUILDDIR=build/werror/$$cc || exit 1; \
	  echo "$$cc, $$lua: no warning"; done; \
	  $(MAKE) -s WERROR=-Werror CC=$$cc BUILDDIR=build/werror/$$cc \
	    $(patsubst $(BUILDDIR)/%,build/werror/$$cc/%,$(CTESTS)) || exit 1; \
	  echo "$$cc, C tests: no warning"; done

static: headers
	@LUA_CFLAGS='$(LUA_CFLAGS)' CURL_CFLAGS='$(CURL_CFLAGS)' sh tools/static.sh

lint:
	@sh tools/lint.sh $(C_MODULE_LISTS)

graph:
	@lua5.4 tools/graph.lua $(if $(DOT),--dot)

docs:
	@sh tools/docs.sh

types:
	@lua5.4 tools/types.lua

pages:
	@lua5.4 tools/pages.lua

shells: build
	@sh tools/shells.sh $(LUA)

analyse:
	@sh tools/analyse.sh

example-report: build
	@eval "$$($(MAKE) -s env)"; \
	  $(LUA) tools/example-report.lua build/example-report.html && \
	  echo build/example-report.html

rockspec:
	lua5.4 tools/check-rockspec.lua $(C_MODULE_LISTS) --write

bench:
	@BENCH_LUA=$(LUA) sh tools/setup.sh bench
	@$(MAKE) -s build
	@$(MAKE) -s build LUA=luajit
	@sh bench/run.sh $(LUA) $(ARGS)
	@if [ -n "$(PLOT)" ]; then sh bench/plot.sh build/bench/results.json; fi

# The directories below PREFIX that LUA searches by default.
LUA_ABI = $(shell $(LUA) -e 'print(_VERSION:match("%d%.%d"))')
INSTALL_LMOD ?= $(PREFIX)/share/lua/$(LUA_ABI)
INSTALL_CMOD ?= $(PREFIX)/lib/lua/$(LUA_ABI)

install: build
install uninstall:
	@BUILDDIR=$(BUILDDIR) DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' \
	  INSTALL_LMOD='$(INSTALL_LMOD)' INSTALL_CMOD='$(INSTALL_CMOD)' \
	  INSTALL_ZSH='$(INSTALL_ZSH)' sh tools/install.sh $@ $(LUA)

# Where a program finds the library that it contains: docs/shipping.md.
BUNDLE ?= build/bundle
BUNDLE_LUA ?= $(BUNDLE)
BUNDLE_C ?= $(BUNDLE)

.PHONY: bundle
bundle: $(MODULES)
	@BUILDDIR=$(BUILDDIR) sh tools/bundle.sh $(LUA) '$(BUNDLE_LUA)' '$(BUNDLE_C)' $(C_MODULES)

clean:
	rm -rf build
