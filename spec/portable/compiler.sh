#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles and links for another system.
# usage: sh spec/portable/compiler.sh PYTHON TARGET ARGUMENT...
# Zig's linker knows no bundles, the kind of library that Lua loads on macOS;
# that of LLVM does. -nostdlib: Zig's list of Apple's functions is too new for
# it, and dynamic_lookup leaves them to be found on the Mac.
set -eu
python=$1 target=$2
shift 2
case " $* " in
  *" -bundle "*)
    arch=${target%-macos}
    [ "$arch" != aarch64 ] || arch=arm64
    exec clang -target "$arch-apple-macos15" -fuse-ld=lld -nostdlib -Qunused-arguments "$@"
    ;;
esac
exec "$python" -m ziglang cc -target "$target" "$@"
