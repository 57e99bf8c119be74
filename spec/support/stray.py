# SPDX-License-Identifier: MIT
"""Responses that are followed by unsolicited bytes.

usage: python3 stray.py CERTIFICATE KEY

The response to "number 3" is "answer to 3"; the bytes after it look like a
complete response, "STRAY". Prints `connection NAME` for each connection, and
`sent NAME` when a response and the bytes after it were sent. A port whose name
begins with "tls-" uses TLS.
"""

import json
import re
import ssl
import sys
import time

import peer

PAUSE = 0.03    # seconds, so that a client mostly sees one piece at a time


def body_of(text):
    return json.dumps({"generated_text": text}).encode()


def head(*fields):
    lines = (b"HTTP/1.1 200 OK", b"content-type: application/json") + fields
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def length(n):
    return b"content-length: %d" % n


STRAY = head(length(len(body_of("STRAY")))) + body_of("STRAY")


def chunked(body):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


# Each function returns an array of the pieces to send for a body.

def late(body):
    """A complete response, and then another one."""
    return [head(length(len(body))) + body, STRAY]


def together(body):
    """The head separately, so that a client that knows the length stops reading
    before the stray response."""
    return [head(length(len(body))), body + STRAY]


def goodbye(body):
    return [head(length(len(body))) + body,
            b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n"
            b"connection: close\r\n\r\n"]


def two_lengths(body):
    return [head(length(len(body) + len(STRAY)), length(len(body))) + body,
            STRAY]


def both_framings(body):
    return [head(length(len(body) + 400), b"transfer-encoding: chunked") +
            chunked(body)]


def twice_the_same(body):
    return [head(length(len(body)), length(len(body))) + body]


def serve(name, pieces, offer):
    def handle(connection):
        if offer:
            connection = offer.wrap_socket(connection, server_side=True)
        peer.say("connection", name)
        while True:
            request = peer.whole_request(connection)
            if request is None:
                return
            number = re.search(rb"number (\d+)", request[1]).group(1)
            body = body_of("answer to " + number.decode())
            for piece in pieces(body):
                connection.sendall(piece)
                time.sleep(PAUSE)
            peer.say("sent", name)
    return handle


def main():
    offer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offer.load_cert_chain(sys.argv[1], sys.argv[2])
    offer.set_alpn_protocols(["http/1.1"])
    handlers = {}
    for pieces in (late, together, goodbye, two_lengths, both_framings,
                   twice_the_same):
        name = pieces.__name__
        handlers[name] = serve(name, pieces, None)
        handlers["tls-" + name] = serve("tls-" + name, pieces, offer)
    peer.run(handlers)


main()
