# SPDX-License-Identifier: MIT
"""HTTP/2 over TLS by hand (RFC 9113), for what a good server never does.

usage: python3 h2_server.py CERTIFICATE KEY

The first request on a port meets with the port's accident, the second is
answered well, and so on in turn; a name that ends in "-always" does it to
every request. Says `connection NAME` and `request NAME` for each, `cancelled
NAME` when the client resets a stream, and `closed NAME` at the end of a
connection.
"""

import ssl
import struct
import sys
import threading

import peer

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
WINDOW_UPDATE = 8
INITIAL_WINDOW_SIZE = 4
END_STREAM, ACK, END_HEADERS = 1, 1, 4

NO_ERROR, INTERNAL_ERROR = 0, 2
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def header(name, value):
    """HPACK: a literal field without indexing, without Huffman coding."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


# :status 200 is entry 8 of the static table (RFC 7541 appendix A)
HEAD = b"\x88" + header(b"content-type", b"text/event-stream")


class Connection:
    """One connection: frames in, frames out."""

    def __init__(self, name, tls):
        self.name = name
        self.tls = tls
        self.unread = b""

    def take(self, n):
        while len(self.unread) < n:
            piece = self.tls.recv(65536)
            if not piece:
                raise EOFError
            self.unread += piece
        data, self.unread = self.unread[:n], self.unread[n:]
        return data

    def frame(self):
        head = self.take(9)
        length = int.from_bytes(head[:3], "big")
        stream = int.from_bytes(head[5:], "big") & 0x7fffffff
        return head[3], head[4], stream, self.take(length)

    def send(self, kind, flags, stream, payload=b""):
        self.tls.sendall(len(payload).to_bytes(3, "big") +
                         bytes([kind, flags]) +
                         stream.to_bytes(4, "big") + payload)

    def head(self, stream):
        self.send(HEADERS, END_HEADERS, stream, HEAD)

    def tokens(self, stream):
        self.send(DATA, 0, stream, peer.token("one") + peer.token(" two"))

    def end(self, stream):
        self.send(DATA, END_STREAM, stream,
                  peer.last(" three", "one two three"))

    def answer(self, stream):
        self.head(stream)
        self.tokens(stream)
        self.end(stream)

    def reset(self, stream, code):
        self.send(RST_STREAM, 0, stream, struct.pack(">I", code))

    def goaway(self, last, code=NO_ERROR):
        self.send(GOAWAY, 0, 0, struct.pack(">II", last, code))

    def request(self):
        """The stream of the next whole request."""
        while True:
            kind, flags, stream, payload = self.frame()
            if kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0)
            elif kind == PING and not flags & ACK:
                self.send(PING, ACK, 0, payload)
            elif kind == RST_STREAM:
                peer.say("cancelled", self.name)
            elif kind == HEADERS and self.name == "late-window":
                # settings and pings in between show that the client waits
                self.send(SETTINGS, 0, 0)
                self.send(PING, 0, 0, b"8 bytes!")
                for which in (0, stream):
                    self.send(WINDOW_UPDATE, 0, which,
                              struct.pack(">I", 1 << 20))
            elif kind in (DATA, HEADERS) and flags & END_STREAM:
                peer.say("request", self.name)
                return stream


def reset_before(code):
    def accident(c, stream):
        c.reset(stream, code)
    return accident


def reset_after(code):
    def accident(c, stream):
        c.head(stream)
        c.tokens(stream)
        c.reset(stream, code)
    return accident


def goaway_unseen(c, stream):
    """The request was not looked at; it is safe to send it again."""
    c.goaway(0)
    raise EOFError


def goaway_finished(c, stream):
    """No further request; this one is answered."""
    c.answer(stream)
    c.goaway(stream)
    raise EOFError


def goaway_announced(c, stream):
    """As a server does that is about to restart, in two steps."""
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
    # read what the client answers while writing, or both wait for ever
    reader = threading.Thread(target=read_pings, args=(c, 20000))
    reader.start()
    for i in range(200):
        ping = bytes([0, 0, 8, PING, 0, 0, 0, 0, 0]) + struct.pack(">Q", i)
        c.tls.sendall(ping * 100)
    reader.join()
    c.end(stream)


def read_pings(c, expected):
    while expected:
        kind, flags, _, _ = c.frame()
        if kind == PING and flags & ACK:
            expected -= 1
    peer.say("answered", c.name)


def settings(c, stream):
    c.head(stream)
    for _ in range(500):
        c.send(SETTINGS, 0, 0)
    c.tokens(stream)
    c.end(stream)


def junk(c, stream):
    """The beginning of a frame of a kind that nobody knows, and no more."""
    c.tls.sendall(b"\x00\x0f\xff\xee" + b"\x00" * 60)
    while True:
        c.frame()


def too_long(c, stream):
    """A frame longer than the client allowed."""
    c.tls.sendall(b"\x00\xff\xff\x00" + b"\x00" * 60)
    while True:
        c.frame()


def impossible(c, stream):
    """DATA on a stream that nobody opened."""
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


ACCIDENTS = {
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
    # these two give no room for more than the 65,535 bytes that a client may
    # always send first, one for ever
    "no-window": Connection.answer,
    "late-window": Connection.answer,
}


def server(name, accident, context):
    seen = []

    def handle(socket):
        with context.wrap_socket(socket, server_side=True) as tls:
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
                accident(c, stream)
            else:
                c.answer(stream)

    return handle


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    context.set_alpn_protocols(["h2"])
    peer.run({name: server(name, accident, context)
              for name, accident in ACCIDENTS.items()})


main()
