# SPDX-License-Identifier: MIT
"""A server with unusual limits on how many streams share a connection.

usage: python3 h2_shared.py CERTIFICATE KEY

Prints `connection NAME`, `request NAME`, `cancelled NAME` when the client
resets a stream, `refused NAME` for a stream above a limit that was announced
late, and `pong NAME` when it answers a ping.
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
    """Reports each request as it arrives, whatever happened to earlier ones."""

    def __init__(self, name, tls, first):
        super().__init__(name, tls)
        self.first = first    # whether it is the port's first connection
        self.open = []        # streams without a complete response

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
    """Ends all streams as soon as the client cancels one of them."""

    def cancelled(self, stream):
        super().cancelled(stream)
        for other in self.open:
            self.end(other)


class Leaving(Shared):
    """Answers the first request when the client has read everything before it."""

    def pong(self):
        self.answer(min(self.open))


class Late(Shared):
    """Announces its limit of streams after the first request."""

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
    """Processes only one of three requests, the one that began first (it need
    not be the first to be complete)."""
    if not c.first:
        c.answer(stream)
        return
    c.open.append(stream)
    if len(c.open) == 3:
        c.goaway(min(c.open))
        c.send(PING, 0, 0, b"8 bytes!")


def refuses(c, stream):
    """Accepts two requests per connection, without announcing this limit."""
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
            pass  # the client has closed the connection
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
    """Returns as many complete tokens as fit into one frame."""
    return peer.token("x") * (size // len(peer.token("x")))


def one_frame(c, stream):
    """Sends several tokens in one frame, and then nothing for a long time."""
    c.head(stream)
    c.send(DATA, 0, stream, many_tokens(MAX_FRAME))


def behind(c, stream):
    """Sends the first stream more than its client reads, and answers the second.
    The response to the third is in one TLS record with the end of the first
    stream's data, and the record before contains only that data, too."""
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
    """Switches the collection of data in the kernel on or off; switching it off
    sends the collected data in one piece."""
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
