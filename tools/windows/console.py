# SPDX-License-Identifier: MIT
"""Runs a program of Windows in a console of Wine, and prints what the console shows.

usage: python3 tools/windows/console.py WORD PROGRAM ARGUMENT...
When WORD appears, Ctrl-C is pressed; an empty WORD: never. The exit status is that of the program.
"""

import os
import pty
import re
import select
import sys
import time

SECONDS = 60                                    # the most that the program may take
ESCAPES = re.compile(rb"\x1b\[[?0-9;]*([A-Za-z])|\x1b\][^\x07]*\x07")


def shown(output):
    """Returns the text without the escape sequences, with a space where the cursor moves on."""
    return ESCAPES.sub(lambda found: b" " if found.group(1) == b"C" else b"", output)


def main():
    word, command = sys.argv[1].encode(), sys.argv[2:]
    pid, console = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    output, pressed, end = b"", word == b"", time.monotonic() + SECONDS
    while time.monotonic() < end:
        if select.select([console], [], [], 0.2)[0]:
            try:
                output += os.read(console, 65536)
            except OSError:                     # the program has ended
                break
        if not pressed and word in shown(output):
            pressed = True
            os.write(console, b"\x03")
    else:
        os.kill(pid, 9)
    sys.stdout.buffer.write(shown(output))
    sys.stdout.flush()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)


main()
