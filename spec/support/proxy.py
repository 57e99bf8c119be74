# SPDX-License-Identifier: MIT
"""An HTTP proxy that writes down every byte its clients send.

usage: python3 proxy.py CERTIFICATE KEY FILE

Connects to this machine for every host name. Prints `connect TARGET` for a
tunnel and `forward TARGET` for a plain request; the faults print `connect`,
too. A port whose name begins with "tls-" does the same over TLS.
"""

import base64
import socket
import ssl
import sys
import threading

import peer

RECORD = open(sys.argv[3], "ab", buffering=0)

USER = b"Basic " + base64.b64encode(b"user:open sesame")


def receive(client):
    data = client.recv(65536)
    RECORD.write(data)
    return data


def head(client):
    """Reads the head of a request; returns it with the bytes after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = receive(client)
        if not piece:
            raise EOFError
        data += piece
    lines, rest = data.split(b"\r\n\r\n", 1)
    return lines.split(b"\r\n"), rest


def upstream(target):
    port = target.rsplit(b":", 1)[1]
    return socket.create_connection(("127.0.0.1", int(port)))


def pump(read, write, server):
    try:
        while True:
            data = read()
            if not data:
                break
            write(data)
    except OSError:
        pass
    try:
        server.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def join(client, server):
    """Forwards bytes in both directions until the server closes."""
    threading.Thread(target=pump, daemon=True, args=(
        lambda: receive(client), server.sendall, server)).start()
    pump(lambda: server.recv(65536), client.sendall, client)
    server.close()


def serve(client, password=None):
    lines, rest = head(client)
    method, target, _ = lines[0].split(b" ")
    if password is not None:
        given = b"".join(line.partition(b":")[2].strip() for line in lines
                         if line.lower().startswith(b"proxy-authorization:"))
        if given != password:
            refuse(client, b"407 Proxy Authentication Required",
                   b"proxy-authenticate: Basic realm=\"spec\"\r\n")
            return
    if method == b"CONNECT":
        peer.say("connect", target.decode())
        server = upstream(target)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    else:
        host, slash, path = target.split(b"//", 1)[1].partition(b"/")
        peer.say("forward", host.decode())
        server = upstream(host)
        lines[0] = method + b" " + slash + path + b" HTTP/1.1"
        lines = [line for line in lines
                 if not line.lower().startswith(b"proxy-")]
        lines.append(b"connection: close")
        server.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + rest)
    join(client, server)


def dechunk(body):
    data = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        size = int(size, 16)
        if size == 0:
            return data
        data += body[:size]
        body = body[size + 2:]


def buffers(client):
    """Forwards a plain request, and its response only when it is complete,
    with a Content-Length in place of the chunks."""
    lines, rest = head(client)
    method, target, _ = lines[0].split(b" ")
    host, slash, path = target.split(b"//", 1)[1].partition(b"/")
    lines[0] = method + b" " + slash + path + b" HTTP/1.1"
    lines.append(b"connection: close")
    server = upstream(host)
    server.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + rest)
    response = b""
    while True:
        data = server.recv(65536)
        if not data:
            break
        response += data
    server.close()
    fields, _, body = response.partition(b"\r\n\r\n")
    kept = [field for field in fields.split(b"\r\n")
            if not field.lower().startswith((b"transfer-encoding:",
                                             b"content-length:",
                                             b"connection:"))]
    if b"transfer-encoding: chunked" in fields.lower():
        body = dechunk(body)
    kept.append(b"content-length: %d" % len(body))
    peer.say("buffered")
    client.sendall(b"\r\n".join(kept) + b"\r\n\r\n" + body)


def with_password(client):
    serve(client, USER)


def refuse(client, status, more=b""):
    peer.say("refused")
    body = b"<html><body>the proxy says no</body></html>"
    client.sendall(b"HTTP/1.1 " + status + b"\r\ncontent-type: text/html\r\n" +
                   more + b"content-length: %d\r\nconnection: close\r\n\r\n"
                   % len(body) + body)
    client.shutdown(socket.SHUT_WR)
    while receive(client):
        pass


def denies(client):
    head(client)
    refuse(client, b"407 Proxy Authentication Required",
           b"proxy-authenticate: Basic realm=\"spec\"\r\n")


def breaks(client):
    head(client)
    refuse(client, b"502 Bad Gateway")


def hangs(client):
    while receive(client):
        pass


def closes(client):
    head(client)
    peer.say("closed")


def drops(client):
    """Closes the connection after the first bytes, whatever they are."""
    receive(client)
    peer.say("closed")


HANDLERS = {
    "open": serve,
    "with-password": with_password,
    "buffers": buffers,
    "denies": denies,
    "breaks": breaks,
    "hangs": hangs,
    "closes": closes,
    "drops": drops,
}


def over_tls(handler, offer):
    """Returns a handler that speaks TLS and forwards to `handler`, which runs in
    its own thread, because two threads must not use one TLS connection."""
    def handle(connection):
        near, far = socket.socketpair()
        with near, offer.wrap_socket(connection, server_side=True) as tls:
            threading.Thread(target=run, args=(handler, far),
                             daemon=True).start()
            peer.join(tls, near)
    return handle


def run(handler, connection):
    with connection:
        try:
            handler(connection)
        except (OSError, EOFError):
            pass  # the client closed the connection, which is allowed


def main():
    offer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offer.load_cert_chain(sys.argv[1], sys.argv[2])
    peer.run({**HANDLERS, **{"tls-" + name: over_tls(handler, offer)
                             for name, handler in HANDLERS.items()}})


main()
