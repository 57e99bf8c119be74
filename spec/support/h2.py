# SPDX-License-Identifier: MIT
"""A minimal implementation of the server's side of an HTTP/2 connection (RFC 9113)."""

import ssl
import struct

import peer

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
WINDOW_UPDATE = 8
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4
END_STREAM, ACK, END_HEADERS = 1, 1, 4

NO_ERROR, INTERNAL_ERROR = 0, 2
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11

FRAME_HEAD = 9      # bytes
MAX_FRAME = 16384   # bytes of a payload, unless the receiver allows more

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def header(name, value):
    """HPACK: a literal field without indexing, without Huffman coding."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


# :status 200 is entry 8 of the static table (RFC 7541 appendix A)
HEAD = b"\x88" + header(b"content-type", b"text/event-stream")


def context(certificate, key):
    """Returns a TLS context that offers only HTTP/2."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    made.set_alpn_protocols(["h2"])
    return made


def frame(kind, flags, stream, payload=b""):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags]) +
            stream.to_bytes(4, "big") + payload)


class Connection:
    """One connection: reads and writes frames."""

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
        self.tls.sendall(frame(kind, flags, stream, payload))

    def send_together(self, *frames):
        """Sends the frames in one TLS record if they fit."""
        self.tls.sendall(b"".join(frame(*one) for one in frames))

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
        """Reads the next complete request and returns its stream."""
        while True:
            kind, flags, stream, payload = self.frame()
            if kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0)
            elif kind == PING and not flags & ACK:
                self.send(PING, ACK, 0, payload)
            elif kind == RST_STREAM:
                peer.say("cancelled", self.name)
            elif kind == HEADERS and self.name == "late-window":
                # the client may send settings and pings while it waits
                self.send(SETTINGS, 0, 0)
                self.send(PING, 0, 0, b"8 bytes!")
                for which in (0, stream):
                    self.send(WINDOW_UPDATE, 0, which,
                              struct.pack(">I", 1 << 20))
            elif kind in (DATA, HEADERS) and flags & END_STREAM:
                peer.say("request", self.name)
                return stream
