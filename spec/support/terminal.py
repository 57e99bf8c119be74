# SPDX-License-Identifier: MIT
"""Runs a program in a terminal, reads its output and types.

usage: python3 terminal.py COMMAND [ARGUMENT...] <STEPS

STEPS is JSON, an array of pairs: a text to wait for ("SOCKET" waits until the
program has a socket open), and keys to type then ("" for none). Prints JSON:
the program's output, the exit status (128 + the signal's number if a signal
ended it), and the text that did not appear in time.
"""
import json
import os
import pty
import select
import sys
import time

PATIENCE = 30  # seconds for one step, much longer than any step takes


def main():
    steps = json.load(sys.stdin)
    pid, terminal = pty.fork()
    if pid == 0:
        # The program may run with a preloaded sanitizer; Python must not.
        os.environ["LD_PRELOAD"] = os.environ.get("TERMINAL_PRELOAD", "")
        os.execvp(sys.argv[1], sys.argv[1:])
    shown, seen, missed = b"", 0, None

    def read(seconds):
        nonlocal shown
        if not select.select([terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(terminal, 65536)
        except OSError:
            return False
        shown += data
        return data != b""

    def has_socket():
        folder = "/proc/%d/fd/" % pid
        for name in os.listdir(folder):
            try:
                if os.readlink(folder + name).startswith("socket:"):
                    return True
            except OSError:
                pass
        return False

    def there(wanted):
        if wanted == "SOCKET":
            return has_socket()
        return wanted.encode() in shown[seen:]

    for wanted, keys in steps:
        limit = time.monotonic() + PATIENCE
        alive = True
        while not there(wanted) and alive and time.monotonic() < limit:
            alive = read(0.02)
        if not there(wanted):
            missed = wanted
            break
        if wanted != "SOCKET":
            wanted = wanted.encode()
            seen = shown.index(wanted, seen) + len(wanted)
        if keys:
            os.write(terminal, keys.encode())
    limit = time.monotonic() + PATIENCE
    while missed is None and time.monotonic() < limit and read(0.5):
        pass
    status = None
    while status is None:
        done, code = os.waitpid(pid, os.WNOHANG)
        if done:
            status = 128 + os.WTERMSIG(code) if os.WIFSIGNALED(code) \
                else os.WEXITSTATUS(code)
        elif missed is not None or time.monotonic() > limit:
            os.kill(pid, 9)
            limit = float("inf")
            missed = missed or "the end"
        time.sleep(0.01)
    print(json.dumps({"shown": shown.decode("utf-8", "replace"),
                      "status": status, "missed": missed}))


main()
