# SPDX-License-Identifier: MIT
"""Faults of HTTP/2 over TLS (RFC 9113) that a correct server never causes.

usage: python3 h2_server.py CERTIFICATE KEY

Each port has its own fault. The first request on a port gets the fault, the
second a correct response, and so on in turn; a port whose name ends in
"-always" has the fault for every request. Prints `connection NAME` and
`request NAME` for each, `cancelled NAME` when the client resets a stream, and
`closed NAME` at the end of a connection.
"""

import struct
import sys

import peer
from h2 import (ACK, CANCEL, DATA, ENHANCE_YOUR_CALM, INITIAL_WINDOW_SIZE,
                INTERNAL_ERROR, NO_ERROR, PING, PREFACE, REFUSED_STREAM,
                RST_STREAM, SETTINGS, Connection, context)


def reset_before(code):
    def fault(c, stream):
        c.reset(stream, code)
    return fault


def reset_after(code):
    def fault(c, stream):
        c.head(stream)
        c.tokens(stream)
        c.reset(stream, code)
    return fault


def goaway_unseen(c, stream):
    """Refuses the request unprocessed; it is safe to send it again."""
    c.goaway(0)
    raise EOFError


def goaway_finished(c, stream):
    """Accepts no further request, and answers this one."""
    c.answer(stream)
    c.goaway(stream)
    raise EOFError


def goaway_announced(c, stream):
    """Sends GOAWAY in two steps, like a server that is about to restart."""
    c.head(stream)
    c.goaway(0x7fffffff)
    c.tokens(stream)
    c.goaway(stream)
    c.end(stream)


def goaway_in_the_middle(c, stream):
    c.head(stream)
    c.tokens(stream)
    c.goaway(stream)
    raise EOFError


def killed_before(c, stream):
    peer.reset(c.tls)
    raise EOFError


def killed_after(c, stream):
    c.head(stream)
    c.tokens(stream)
    raise EOFError


def pings(c, stream):
    c.head(stream)
    c.tokens(stream)
    for i in range(200):
        ping = bytes([0, 0, 8, PING, 0, 0, 0, 0, 0]) + struct.pack(">Q", i)
        c.tls.sendall(ping * 100)
        # few enough that both sides can write before either reads
        read_pings(c, 100)
    peer.say("answered", c.name)
    c.end(stream)


def read_pings(c, expected):
    while expected:
        kind, flags, _, _ = c.frame()
        if kind == PING and flags & ACK:
            expected -= 1


def settings(c, stream):
    c.head(stream)
    for _ in range(500):
        c.send(SETTINGS, 0, 0)
    c.tokens(stream)
    c.end(stream)


def junk(c, stream):
    """Sends the beginning of a frame of an unknown type, and nothing more."""
    c.tls.sendall(b"\x00\x0f\xff\xee" + b"\x00" * 60)
    while True:
        c.frame()


def too_long(c, stream):
    """Sends a frame that is longer than the client allows."""
    c.tls.sendall(b"\x00\xff\xff\x00" + b"\x00" * 60)
    while True:
        c.frame()


def impossible(c, stream):
    """Sends DATA on a stream that was never opened."""
    c.head(stream)
    c.tokens(stream)
    c.send(DATA, 0, stream + 2, b"surprise")
    while True:
        c.frame()


def silent(c, stream):
    c.head(stream)
    c.tokens(stream)
    while True:
        kind, _, _, _ = c.frame()
        if kind == RST_STREAM:
            peer.say("cancelled", c.name)
            return


FAULTS = {
    "internal-error-before": reset_before(INTERNAL_ERROR),
    "internal-error-before-always": reset_before(INTERNAL_ERROR),
    "internal-error-after": reset_after(INTERNAL_ERROR),
    "cancel-before": reset_before(CANCEL),
    "cancel-after": reset_after(CANCEL),
    "no-error-before": reset_before(NO_ERROR),
    "no-error-after": reset_after(NO_ERROR),
    "refused-before": reset_before(REFUSED_STREAM),
    "refused-before-always": reset_before(REFUSED_STREAM),
    "refused-after": reset_after(REFUSED_STREAM),
    "calm-before": reset_before(ENHANCE_YOUR_CALM),
    "calm-after": reset_after(ENHANCE_YOUR_CALM),
    "goaway-unseen": goaway_unseen,
    "goaway-finished": goaway_finished,
    "goaway-announced": goaway_announced,
    "goaway-in-the-middle": goaway_in_the_middle,
    "killed-before": killed_before,
    "killed-after": killed_after,
    "pings": pings,
    "settings": settings,
    "junk": junk,
    "too-long": too_long,
    "impossible": impossible,
    "silent": silent,
    # these two do not increase the initial window of 65,535 bytes; one of them
    # never does
    "no-window": Connection.answer,
    "late-window": Connection.answer,
}


def server(name, fault, offer):
    seen = []

    def handle(socket):
        with offer.wrap_socket(socket, server_side=True) as tls:
            peer.say("connection", name)
            c = Connection(name, tls)
            if c.take(len(PREFACE)) != PREFACE:
                return
            if name.endswith("-window"):
                c.send(SETTINGS, 0, 0,
                       struct.pack(">HI", INITIAL_WINDOW_SIZE, 0))
            else:
                c.send(SETTINGS, 0, 0)
            try:
                serve(c)
            except (EOFError, OSError):
                peer.say("closed", name)

    def serve(c):
        while True:
            stream = c.request()
            seen.append(stream)
            if len(seen) % 2 == 1 or name.endswith("-always"):
                fault(c, stream)
            else:
                c.answer(stream)

    return handle


def main():
    offer = context(sys.argv[1], sys.argv[2])
    peer.run({name: server(name, fault, offer)
              for name, fault in FAULTS.items()})


main()
