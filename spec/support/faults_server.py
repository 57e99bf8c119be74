# SPDX-License-Identifier: MIT
"""Servers whose responses are too long, or never end."""

import socket

import peer

EVENTS = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
          b"connection: close\r\n\r\n")
JSON = (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        b"connection: close\r\n\r\n")
PIECE = 65536
STALLED = 0.5  # seconds in which the client accepts no byte


def forever(name, connection, piece):
    """Writes until the client closes the connection, and reports that."""
    view, at = memoryview(piece), 0
    try:
        while True:
            n = connection.send(view[at:])
            at = (at + n) % len(piece)
    finally:
        peer.say("gone", name)


def endless(name, head, piece):
    """Returns a handler that sends a head, and then the same bytes repeatedly."""
    def handler(connection):
        if peer.whole_request(connection):
            connection.sendall(head)
            forever(name, connection, piece)
    return handler


def once(*pieces):
    """Returns a handler that sends these bytes and closes the connection."""
    def handler(connection):
        if peer.whole_request(connection):
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
    return handler


ANSWER = peer.token(" The") + peer.last(" sky", " The sky")
INTERIM = b"HTTP/1.1 103 Early Hints\r\n"
FIELD = b"x-field: value\r\n"
CHUNKED = (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
           b"transfer-encoding: chunked\r\n\r\n")
STATUS_500 = (b"HTTP/1.1 500 Internal Server Error\r\n"
              b"content-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def flood(connection):
    """Sends numbered tokens without end, or one token and then nothing."""
    request = peer.whole_request(connection)
    if not request:
        return
    connection.sendall(EVENTS)
    if b"quiet" in request[1]:
        connection.sendall(peer.token("quiet"))
        connection.recv(1)
        return
    connection.settimeout(STALLED)
    number, sent = 0, 0
    try:
        while True:
            data = b"".join(peer.token("%d" % (number + i))
                            for i in range(500))
            number += 500
            while data:
                try:
                    n = connection.send(data)
                    sent += n
                    data = data[n:]
                except socket.timeout:
                    peer.say("sent", sent)
                    peer.say("stalled", "flood")
                    connection.settimeout(peer.PATIENCE)
    finally:
        peer.say("gone", "flood")


peer.run({
    "line": endless("line", EVENTS + b"data: ", b"a" * PIECE),
    "lines": endless("lines", EVENTS, b"data: a\n" * 8192),
    "comment": endless("comment", EVENTS + b":", b"a" * PIECE),
    "field": endless("field", EVENTS, b"a" * PIECE),
    "answer": endless("answer", JSON + b'{"generated_text":"', b"a" * PIECE),
    "page": endless("page", STATUS_500, chunk(b"<p>Sorry " * 7000)),
    "head": endless("head", b"HTTP/1.1 200 OK\r\n", FIELD * 4096),
    "name": endless("name", b"HTTP/1.1 200 OK\r\n", b"a" * PIECE),
    "interim": endless("interim", b"", (INTERIM + b"\r\n") * 2048),
    "interim_fields": endless("interim_fields", b"",
                              (INTERIM + b"link: a\r\n\r\n") * 2048),
    "trailer": endless("trailer", CHUNKED + b"0\r\n", FIELD * 4096),
    "comments": once(EVENTS, b":\n" * 1000000, ANSWER),
    "keepalives": once(EVENTS, b":\n\n" * 1000000, ANSWER),
    "data_lines": once(EVENTS, b"data:\n" * 1000000, b"\n", ANSWER),
    "flood": flood,
})
