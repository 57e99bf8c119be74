# SPDX-License-Identifier: MIT
"""Faults of TLS that a correct server never causes.

usage: python3 tls_server.py CERTIFICATE KEY AUTHORITY
"""

import socket
import ssl
import sys
import threading

import peer

# no length and no chunks: the end of the connection is the end of the body
HEAD = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        b"connection: close\r\n\r\n")
JSON_HEAD = HEAD.replace(b"text/event-stream", b"application/json")
JSON = b'{"generated_text":"one two three"}'


def context(**settings):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(sys.argv[1], sys.argv[2])
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def answer(body, goodbye):
    """Sends the stream `body`, or as much of an answer to /generate; with
    `goodbye`, ends TLS properly before TCP."""
    def handle(connection):
        with context().wrap_socket(connection, server_side=True) as tls:
            request = peer.whole_request(tls)
            if request is None:
                return
            peer.say("request")
            if b"/generate_stream " in request[0]:
                tls.sendall(HEAD + body)
            else:
                tls.sendall(JSON_HEAD + (JSON if body == WHOLE else JSON[:25]))
            if goodbye:
                tls.unwrap()
    return handle


def wants_certificate(version):
    made = context(minimum_version=version, maximum_version=version)
    made.load_verify_locations(sys.argv[3])
    made.verify_mode = ssl.CERT_REQUIRED

    def handle(connection):
        with made.wrap_socket(connection, server_side=True,
                              do_handshake_on_connect=False) as tls:
            try:
                tls.do_handshake()
            except ssl.SSLError:
                # a reset would discard the alert that was sent
                tls.shutdown(socket.SHUT_WR)
                hangs(tls)
                return
            if peer.whole_request(tls) is not None:
                tls.sendall(HEAD + WHOLE)
                tls.unwrap()
    return handle


def hangs(connection):
    while connection.recv(65536):
        pass


def silent(connection):
    connection.recv(65536)
    peer.say("hello")
    hangs(connection)


class Meeting:
    """Handshakes with one connection immediately, and with four others when all
    four exist; answers when all five have sent a request."""

    def __init__(self):
        self.greeted = threading.Lock()
        self.connections = threading.Barrier(4)
        self.requests = threading.Barrier(5)

    def __call__(self, connection):
        if not self.greeted.acquire(blocking=False):
            self.connections.wait(peer.PATIENCE)
        with context().wrap_socket(connection, server_side=True) as tls:
            if peer.whole_request(tls) is not None:
                self.requests.wait(peer.PATIENCE)
                tls.sendall(HEAD + WHOLE)


class FirstHangs:
    """Never answers on the first connection, and answers on all later ones."""

    def __init__(self):
        self.first = threading.Lock()

    def __call__(self, connection):
        if self.first.acquire(blocking=False):
            silent(connection)
        else:
            answer(WHOLE, True)(connection)


def closes(connection):
    connection.recv(65536)
    peer.say("hello")
    connection.shutdown(socket.SHUT_WR)
    hangs(connection)


def resets(connection):
    connection.recv(65536)
    peer.say("hello")
    peer.reset(connection)


def refuses(connection):
    """Sends a fatal alert, handshake_failure (RFC 8446 section 6)."""
    connection.recv(65536)
    peer.say("hello")
    connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")
    hangs(connection)


def banner(connection):
    connection.recv(65536)
    peer.say("hello")
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    hangs(connection)


PART = peer.token("one") + peer.token(" two")
WHOLE = PART + peer.last(" three", "one two three")

peer.run({
    "cut": answer(PART, False),
    "cut-with-goodbye": answer(PART, True),
    "whole": answer(WHOLE, False),
    "whole-with-goodbye": answer(WHOLE, True),
    "certificate-1.2": wants_certificate(ssl.TLSVersion.TLSv1_2),
    "certificate-1.3": wants_certificate(ssl.TLSVersion.TLSv1_3),
    "hangs": silent,
    "meeting": Meeting(),
    "first-hangs": FirstHangs(),
    "first-hangs-luv": FirstHangs(),
    "first-hangs-cqueues": FirstHangs(),
    "closes": closes,
    "resets": resets,
    "refuses": refuses,
    "banner": banner,
})
