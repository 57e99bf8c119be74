# SPDX-License-Identifier: MIT
"""A program in a terminal: sees what it shows and types.

usage: python3 terminal.py COMMAND [ARGUMENT...] <STEPS

STEPS is JSON, an array of pairs: a text to wait for, and keys to type then
("" for none). Ctrl-C is "\\u0003". Prints JSON: what was shown, the exit status
(128 and the signal's number for one that a signal ended), and the text that
was waited for in vain.
"""
import json
import os
import pty
import select
import sys
import time

PATIENCE = 30  # seconds for one step, far beyond what any takes


def main():
    steps = json.load(sys.stdin)
    pid, terminal = pty.fork()
    if pid == 0:
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

    for wanted, keys in steps:
        wanted = wanted.encode()
        limit = time.monotonic() + PATIENCE
        alive = True
        while wanted not in shown[seen:] and alive and time.monotonic() < limit:
            alive = read(0.5)
        if wanted not in shown[seen:]:
            missed = wanted.decode()
            break
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
