# SPDX-License-Identifier: MIT
"""A SOCKS5 proxy (RFC 1928, RFC 1929), and some that refuse requests.

usage: python3 socks.py

Connects to this machine for every host name. Prints `name HOST:PORT` or
`address HOST:PORT` for each requested target, and `user NAME` for the user.
"""

import socket
import struct

import peer

NO_PASSWORD, PASSWORD, NO_METHOD = 0, 2, 0xff
NOT_ALLOWED, UNREACHABLE, REFUSED = 2, 4, 5
NAME, IPV6 = 3, 4  # kinds of addresses; 1 is IPv4


def take(client, n):
    data = b""
    while len(data) < n:
        piece = client.recv(n - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def field(client):
    return take(client, take(client, 1)[0])


def greet(client, method):
    """Selects the authentication method, which the client must offer."""
    take(client, 1)
    offered = field(client)
    client.sendall(bytes([5, method if method in offered else NO_METHOD]))


def password(client, right):
    take(client, 1)
    user, given = field(client), field(client)
    peer.say("user", user.decode())
    client.sendall(bytes([1, 0 if given == right else 1]))
    return given == right


def target(client):
    _, _, _, kind = take(client, 4)
    if kind == NAME:
        host, kind = field(client).decode(), "name"
    elif kind == IPV6:
        host, kind = "[%s]" % socket.inet_ntop(socket.AF_INET6,
                                               take(client, 16)), "address"
    else:
        host, kind = socket.inet_ntoa(take(client, 4)), "address"
    port = struct.unpack(">H", take(client, 2))[0]
    peer.say(kind, "%s:%d" % (host, port))
    return port


def reply(client, code):
    client.sendall(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))


def serve(client):
    with socket.create_connection(("127.0.0.1", target(client))) as server:
        reply(client, 0)
        peer.join(client, server)


def without_password(client):
    greet(client, NO_PASSWORD)
    serve(client)


def with_password(client):
    greet(client, PASSWORD)
    if password(client, b"open sesame"):
        serve(client)


def answers(code):
    def handle(client):
        greet(client, NO_PASSWORD)
        target(client)
        reply(client, code)
    return handle


def hangs(client):
    while client.recv(65536):
        pass


def closes(client):
    greet(client, NO_PASSWORD)


def banner(client):
    take(client, 3)
    client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


peer.run({
    "open": without_password,
    "with-password": with_password,
    "not-allowed": answers(NOT_ALLOWED),
    "unreachable": answers(UNREACHABLE),
    "refused": answers(REFUSED),
    "hangs": hangs,
    "closes": closes,
    "banner": banner,
})
