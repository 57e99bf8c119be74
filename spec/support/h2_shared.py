# SPDX-License-Identifier: MIT
"""A server that has its own mind about how many streams share a connection.

usage: python3 h2_shared.py CERTIFICATE KEY

Says `connection NAME`, `request NAME`, `cancelled NAME` when the client resets
a stream, `refused NAME` for a stream beyond a limit that was told late, and
`pong NAME` when it answers a ping.
"""

import socket
import struct
import sys
import threading

import peer
from h2 import (ACK, DATA, END_HEADERS, END_STREAM, FRAME_HEAD, HEAD, HEADERS,
                MAX_FRAME, MAX_CONCURRENT_STREAMS, PING,
                PREFACE, REFUSED_STREAM, RST_STREAM, SETTINGS, Connection,
                context)


class Shared(Connection):
    """Tells of each request as it comes, whatever became of those before."""

    def __init__(self, name, tls, first):
        super().__init__(name, tls)
        self.first = first    # connection of its port
        self.open = []        # streams that were not answered to the end

    def allow(self, streams):
        self.send(SETTINGS, 0, 0,
                  struct.pack(">HI", MAX_CONCURRENT_STREAMS, streams))

    def greet(self):
        self.allow(100)

    def begin(self, stream):
        self.head(stream)
        self.tokens(stream)
        self.open.append(stream)

    def cancelled(self, stream):
        if stream in self.open:
            self.open.remove(stream)

    def pong(self):
        pass

    def serve(self, on_request):
        while True:
            kind, flags, stream, payload = self.frame()
            if kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0)
            elif kind == PING:
                peer.say("pong", self.name)
                self.pong()
            elif kind == RST_STREAM:
                peer.say("cancelled", self.name)
                self.cancelled(stream)
            elif kind in (DATA, HEADERS) and flags & END_STREAM:
                peer.say("request", self.name)
                on_request(self, stream)


def holds(c, stream):
    c.begin(stream)


class Generous(Shared):
    """Ends all streams as soon as the client does without one of them."""

    def cancelled(self, stream):
        super().cancelled(stream)
        for other in self.open:
            self.end(other)


class Leaving(Shared):
    """Answers the first request when the client has read all before it."""

    def pong(self):
        self.answer(min(self.open))


class Late(Shared):
    """Says how many streams it takes when it has seen the first request."""

    LIMIT = 4

    def greet(self):
        while True:
            kind, flags, stream, _ = self.frame()
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                break
        self.allow(self.LIMIT)
        self.send(SETTINGS, ACK, 0)
        peer.say("request", self.name)
        self.begin(stream)


def up_to_limit(c, stream):
    if len(c.open) < c.LIMIT:
        c.begin(stream)
    else:
        peer.say("refused", c.name)
        c.reset(stream, REFUSED_STREAM)


def goaway(c, stream):
    """Has looked at one of three requests only, the one that began first (it
    need not be the first to be whole)."""
    if not c.first:
        c.answer(stream)
        return
    c.open.append(stream)
    if len(c.open) == 3:
        c.goaway(min(c.open))
        c.send(PING, 0, 0, b"8 bytes!")


def refuses(c, stream):
    """Takes two requests of a connection without having said so before."""
    if stream > 3:
        c.reset(stream, REFUSED_STREAM)
    else:
        c.answer(stream)


def lowers(c, stream):
    c.allow(1)
    c.begin(stream)


def zero(c, stream):
    c.allow(0)
    c.answer(stream)


def zero_for_a_while(c, stream):
    def raise_it():
        peer.wait_to_be_told()
        try:
            c.allow(1)
        except OSError:
            pass  # the client has gone
    if not c.open:
        c.open.append(stream)
        c.allow(0)
        threading.Thread(target=raise_it, daemon=True).start()
    c.answer(stream)


def pings(c, stream):
    c.answer(stream)
    for _ in range(3):
        c.send(PING, 0, 0, b"8 bytes!")


def many_tokens(size):
    """Whole tokens, as many as go into one frame."""
    return peer.token("x") * (size // len(peer.token("x")))


def one_frame(c, stream):
    """Several tokens in one frame, and then nothing for a long time."""
    c.head(stream)
    c.send(DATA, 0, stream, many_tokens(MAX_FRAME))


def behind(c, stream):
    """The first stream gets more than its client reads; the second is
    answered. The answer to the third is in one TLS record with the end of
    what the first one gets, and the record before is full of that, too."""
    c.open.append(stream)
    first = c.open[0]
    if stream == first:
        c.head(stream)
        for _ in range(40):
            c.send(DATA, 0, stream, many_tokens(MAX_FRAME))
    elif stream == first + 2:
        c.answer(stream)
    else:
        cork(c.tls, 1)
        c.send(DATA, 0, first, many_tokens(MAX_FRAME - FRAME_HEAD))
        c.send_together(
            (DATA, 0, first, many_tokens(MAX_FRAME // 2)),
            (HEADERS, END_HEADERS, stream, HEAD),
            (DATA, END_STREAM, stream, peer.last("three", "three")))
        cork(c.tls, 0)


def cork(tls, on):
    """The client finds all at once that is sent until it is taken out."""
    tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, on)


HANDLERS = {
    "one-frame": (Shared, one_frame),
    "behind": (Shared, behind),
    "holds": (Shared, holds),
    "generous": (Generous, holds),
    "goaway": (Leaving, goaway),
    "refuses": (Shared, refuses),
    "lowers": (Shared, lowers),
    "zero": (Shared, zero),
    "zero-for-a-while": (Shared, zero_for_a_while),
    "pings": (Shared, pings),
    "late-limit": (Late, up_to_limit),
}


def server(name, kind, on_request, offer):
    connections = []

    def handle(socket):
        first = not connections
        connections.append(name)
        with offer.wrap_socket(socket, server_side=True) as tls:
            peer.say("connection", name)
            c = kind(name, tls, first)
            if c.take(len(PREFACE)) == PREFACE:
                c.greet()
                c.serve(on_request)

    return handle


def main():
    offer = context(sys.argv[1], sys.argv[2])
    peer.run({name: server(name, kind, on_request, offer)
              for name, (kind, on_request) in HANDLERS.items()})


main()
