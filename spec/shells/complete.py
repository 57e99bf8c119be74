# SPDX-License-Identifier: MIT
"""Types command lines into real shells, presses Tab, and checks what appears.

usage: python3 spec/shells/complete.py PREFIX [SHELL]...
PREFIX is where `make install` has put the command, with its completions below
PREFIX/share. The shells are bash (with the package bash-completion),
bash-alone, zsh and fish. Prints a line for each failure and at the end
"N passed, N failed", and "N skipped" for shells that are not installed.
"""

import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time
import fcntl

# Seconds to wait for a shell; only a shell that hangs takes as long.
PATIENCE = 20

COMMANDS = ["generate", "chat", "batch", "embed", "classify", "tokenize", "info",
            "health", "metrics", "request", "doctor", "mock"]

# (what is typed before Tab, the line after it). A list in place of the line: all
# of these are shown; the strings with "!" in front are not.
CASES = [
    # commands
    ("predibase gen", "predibase generate "),
    ("predibase ", COMMANDS + ["!merge", "!prompt.txt"]),
    ("predibase --vers", "predibase --version "),
    ("true; predibase tok", "true; predibase tokenize "),
    ("predibase batch mer", "predibase batch merge "),
    ("predibase batch x.csv mer", "predibase batch x.csv mer"),
    # options
    ("predibase generate --max-n", "predibase generate --max-new-tokens "),
    ("predibase generate --no-st", "predibase generate --no-stream "),
    ("predibase chat --form", "predibase chat --format "),
    ("predibase mock --fault", "predibase mock --fault-rate "),
    ("predibase batch merge --part", "predibase batch merge --partial "),
    ("predibase batch --ord", "predibase batch --ordered "),
    ("predibase generate --ord", "predibase generate --ord"),
    ("predibase info --", ["--json", "--base-url", "--timeout", "!--stop"]),
    # values
    ("predibase generate --adapter-source ", ["hub", "local", "s3", "pbase",
                                              "!prompt.txt"]),
    ("predibase generate --adapter-source h",
     "predibase generate --adapter-source hub "),
    ("predibase generate --adapter-source=pb",
     "predibase generate --adapter-source=pbase "),
    ("predibase chat --format llama-3.",
     ["llama-3.1", "llama-3.2", "llama-3.3", "!gemma"]),
    ("predibase chat --format command", "predibase chat --format command-r "),
    ("predibase batch --format cs", "predibase batch --format csv "),
    ("predibase batch --dialect op", "predibase batch --dialect openai "),
    ("predibase generate --server op", "predibase generate --server openai "),
    ("predibase mock --classify m", "predibase mock --classify managed "),
    ("predibase request PO", "predibase request POST "),
    ("predibase request GET /inf", "predibase request GET /info "),
    # files
    ("predibase generate --file pro", "predibase generate --file prompt.txt "),
    ("predibase generate --file=pro", "predibase generate --file=prompt.txt "),
    ("predibase generate --file two",
     "predibase generate --file two\\ words.txt "),
    ("predibase generate --file fold", "predibase generate --file folder/"),
    ("predibase generate --schema folder/in",
     "predibase generate --schema folder/inner.json "),
    ("predibase batch da", "predibase batch data.csv "),
    ("predibase batch merge da", "predibase batch merge data.csv "),
    ("predibase request POST /tokenize @pro",
     "predibase request POST /tokenize @prompt.txt "),
    ("predibase chat --system @pro", "predibase chat --system @prompt.txt "),
    ("predibase chat --system pro", "predibase chat --system pro"),
    ("predibase generate --var a=@pro", "predibase generate --var a=@prompt.txt "),
    ("predibase generate pro", "predibase generate pro"),
    # what was given already
    ("predibase generate --js", "predibase generate --json "),
    ("predibase generate --json --js", "predibase generate --json --js"),
    ("predibase generate --stop a --sto", "predibase generate --stop a --stop "),
    ("predibase generate --seed 1 --see", "predibase generate --seed 1 --see"),
    ("predibase generate --seed=1 --see", "predibase generate --seed=1 --see"),
    # what excludes it
    ("predibase generate --no-prox", "predibase generate --no-proxy "),
    ("predibase generate --proxy http://p:1 --no-prox",
     "predibase generate --proxy http://p:1 --no-prox"),
    ("predibase generate --no-token --token-f",
     "predibase generate --no-token --token-f"),
    ("predibase generate --schema x --response-f",
     "predibase generate --schema x --response-f"),
    ("predibase batch --sample 3 --lim", "predibase batch --sample 3 --lim"),
    # after --
    ("predibase generate -- --js", "predibase generate -- --js"),
]

MARK = re.compile(rb"<<(.*?)\|(\d+)>>", re.S)
ESCAPES = re.compile(r"\x1b\[[0-9;?>=]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|"
                     r"\x1b[()][A-Z0-9]|\x1b[=>78MNOH]|[\r\x07\x0f\x0e]")


class Shell:
    """A shell in a terminal of its own."""

    def __init__(self, argv, env, folder, setup):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, env)
        size = struct.pack("HHHH", 120, 150, 0, 0)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, size)
        self.count = 0
        # Type nothing before the shell reads lines: it would be echoed twice.
        for line in setup:
            self.send(line + "\r")
        self.line()

    def send(self, text):
        os.write(self.fd, text.encode())

    def read(self):
        """Returns what the shell writes until it has printed its line."""
        data, end = b"", time.monotonic() + PATIENCE
        while time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], 0.5)
            if not ready:
                continue
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                break
            if b"\x1b[c" in piece or b"\x1b[0c" in piece:
                self.send("\x1b[?1;2c")      # fish asks what the terminal can do
            data += piece
            for found in MARK.finditer(data):
                if int(found.group(2)) == self.count:
                    return data[:found.start()].decode(errors="replace"), \
                        found.group(1).decode()
        raise TimeoutError(data[-2000:].decode(errors="replace"))

    def line(self):
        """Makes the shell print its line, and returns what came before, too."""
        self.count += 1
        self.send("\x18p")
        return self.read()

    def complete(self, typed):
        self.send(typed + "\t")
        shown, line = self.line()
        self.send("\x15")
        return ESCAPES.sub(" ", shown), line

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def bash(prefix, with_package):
    setup = ["bind 'set completion-query-items 0' 'set page-completions off' "
             "'set show-all-if-ambiguous on' 'set bell-style none' "
             "'set enable-bracketed-paste off' 2>/dev/null; "
             "bind 'set completion-query-items 0'; bind 'set page-completions off'; "
             "bind 'set show-all-if-ambiguous on'; bind 'set bell-style none'; PS1='$ '"]
    if with_package:
        setup.append(". /usr/share/bash-completion/bash_completion")
    else:
        setup.append(f". '{prefix}/share/bash-completion/completions/predibase'")
    setup.append("n=0; dump () { n=$((n+1)); printf '<<%s|%d>>\\n' \"$READLINE_LINE\" $n; }; "
                 "bind -x '\"\\C-xp\": dump'")
    return ["bash", "--norc", "--noprofile", "-i"], setup


def zsh(prefix):
    return ["zsh", "-f", "-i"], [
        "PS1='$ '; LISTMAX=10000; setopt no_beep no_list_beep; "
        f"for d in {prefix}/share/zsh/*(/); do fpath=($d $fpath); done; "
        "autoload -Uz compinit; compinit -u -D",
        "n=0; dump () { (( n++ )); print -rn -- \"<<$BUFFER|$n>>\" }; zle -N dump; "
        "bindkey '^Xp' dump; bindkey '^U' kill-whole-line",
    ]


def fish():
    return ["fish", "-i"], [
        "function fish_prompt; echo '$ '; end; set -g n 0; set -g fish_autosuggestion_enabled 0;"
        " function dump; set -g n (math $n + 1); printf '<<%s|%d>>' (commandline | string collect) $n;"
        " end; bind \\cxp dump; bind \\cu kill-whole-line",
    ]


def judge(name, shown, line, typed, wanted):
    """Returns what is wrong, or None."""
    if isinstance(wanted, str):
        # zsh puts = after an option that takes a value, and removes it before a blank.
        if line == wanted or line == wanted.rstrip(" ") + "=":
            return None
        return f"became {line!r}, expected {wanted!r}"
    words = set(re.findall(r"[^\s()]+", shown))
    if name == "fish":          # shows -- and what was typed in front of the list only
        start = typed.split(" ")[-1]
        words |= {start + word for word in words}
    for word in wanted:
        if word.startswith("!") and word[1:] in words:
            return f"offers {word[1:]}: {sorted(words)}"
        if not word.startswith("!") and word not in words:
            return f"does not offer {word}: {sorted(words)}"
    return None


def run(name, argv, setup, env, folder):
    shell = Shell(argv, env, folder, setup)
    passed = failed = 0
    for typed, wanted in CASES:
        try:
            shown, line = shell.complete(typed)
            problem = judge(name, shown, line, typed, wanted)
        except TimeoutError as err:
            problem = f"the shell has stopped answering: {err}"
            shell.end()
            shell = Shell(argv, env, folder, setup)
        if problem:
            failed += 1
            print(f"{name}: {typed!r} {problem}")
        else:
            passed += 1
    shell.end()
    print(f"{name}: {passed} of {len(CASES)} lines completed as expected")
    return passed, failed


def main():
    prefix = os.path.abspath(sys.argv[1])
    names = sys.argv[2:] or ["bash", "bash-alone", "zsh", "fish"]
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in ["prompt.txt", "two words.txt", "data.csv", "folder/inner.json"]:
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            open(os.path.join(folder, path), "w", encoding="ascii").close()
        env = {"HOME": folder, "TERM": "xterm", "LC_ALL": "C.UTF-8",
               "PATH": f"{prefix}/bin:{os.environ['PATH']}",
               "XDG_DATA_DIRS": f"{prefix}/share:/usr/share"}
        for name in names:
            program = name.split("-")[0]
            package = "/usr/share/bash-completion/bash_completion"
            if not shutil.which(program) or name == "bash" and not os.path.exists(package):
                print(f"{name} is not installed")
                skipped += 1
                continue
            argv, setup = {"bash": lambda: bash(prefix, True),
                           "bash-alone": lambda: bash(prefix, False),
                           "zsh": lambda: zsh(prefix), "fish": fish}[name]()
            good, bad = run(name, argv, setup, env, folder)
            passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    if skipped:
        print(f"{skipped} skipped")
    return 1 if failed else 0


sys.exit(main())
