# SPDX-License-Identifier: MIT
"""A gateway that answers as soon as it has read the head of a request.

usage: python3 h2_early.py CERTIFICATE KEY

limited: answers 429, over HTTP/2 and HTTP/1.1. Prints `HTTP/2` or `HTTP/1.1`
for each request.
broken: ends each HTTP/2 stream with an error instead, and closes each HTTP/1.1
connection without a response.
"""

import struct
import sys

import peer
from h2 import (ACK, END_HEADERS, END_STREAM, DATA, HEADERS, INTERNAL_ERROR,
                NO_ERROR, PREFACE, RST_STREAM, SETTINGS, Connection, context,
                header)

HEAD = header(b":status", b"429") + header(b"x-ratelimit-reset", b"2")
BODY = b"too many requests"


def over_http2(name, tls, limited):
    c = Connection(name, tls)
    if c.take(len(PREFACE)) != PREFACE:
        return
    c.send(SETTINGS, 0, 0)
    while True:
        kind, flags, stream, _ = c.frame()
        if kind == SETTINGS and not flags & ACK:
            c.send(SETTINGS, ACK, 0)
        if kind != HEADERS:
            continue
        peer.say("HTTP/2", name)
        if limited:
            # in one record: libcurl 7.88 then sees only the end
            c.send_together((HEADERS, END_HEADERS, stream, HEAD),
                            (DATA, END_STREAM, stream, BODY),
                            (RST_STREAM, 0, stream,
                             struct.pack(">I", NO_ERROR)))
        else:
            c.reset(stream, INTERNAL_ERROR)


def over_http1(name, tls, limited):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = tls.recv(65536)
        if not piece:
            return
        data += piece
    peer.say("HTTP/1.1", name)
    if limited:
        tls.sendall(b"HTTP/1.1 429 Too Many Requests\r\nx-ratelimit-reset: 2"
                    b"\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
                    % (len(BODY), BODY))
        while tls.recv(65536):    # unread data would cause a reset, which discards the response
            pass


def server(name, limited):
    offer = context(sys.argv[1], sys.argv[2])
    offer.set_alpn_protocols(["h2", "http/1.1"])

    def handle(connection):
        with offer.wrap_socket(connection, server_side=True) as tls:
            if tls.selected_alpn_protocol() == "h2":
                over_http2(name, tls, limited)
            else:
                over_http1(name, tls, limited)
    return handle


peer.run({"limited": server("limited", True),
          "broken": server("broken", False)})
