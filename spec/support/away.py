# SPDX-License-Identifier: MIT
"""Servers for a client program that is busy with other work for a while.

usage: python3 away.py CERTIFICATE KEY STREAMS SHARING

many, sharing: when STREAMS (over HTTP/2 SHARING) requests have arrived, sends
each stream a token and prints `begun`; when told to continue, sends each the
rest and prints `sent`.
greeting: prints `hello` when a TLS handshake begins; when told to continue,
sends its part of the handshake, prints `greeted`, and answers the request.
"""

import ssl
import struct
import sys
import threading

import peer
from h2 import (ACK, END_STREAM, DATA, HEADERS, MAX_CONCURRENT_STREAMS,
                PREFACE, SETTINGS, Connection, context)

STREAMS, SHARING = int(sys.argv[3]), int(sys.argv[4])

HEAD = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        b"connection: close\r\n\r\n")

begun = []
lock = threading.Lock()


def answer_all():
    for connection in begun:
        connection.sendall(HEAD + peer.token("one"))
    peer.say("begun")
    peer.wait_to_be_told()
    for connection in begun:
        connection.sendall(peer.last("two", "onetwo"))
        connection.close()
    peer.say("sent")


def many(connection):
    if peer.whole_request(connection) is None:
        return
    with lock:
        begun.append(connection.dup())
        if len(begun) == STREAMS:
            threading.Thread(target=answer_all, daemon=True).start()
    connection.recv(1)    # until the client closes the connection


def sharing(connection):
    offer = context(sys.argv[1], sys.argv[2])
    with offer.wrap_socket(connection, server_side=True) as tls:
        c = Connection("sharing", tls)
        if c.take(len(PREFACE)) != PREFACE:
            return
        c.send(SETTINGS, 0, 0,
               struct.pack(">HI", MAX_CONCURRENT_STREAMS, SHARING))
        streams = []
        while len(streams) < SHARING:
            kind, flags, stream, _ = c.frame()
            if kind == SETTINGS and not flags & ACK:
                c.send(SETTINGS, ACK, 0)
            elif kind in (DATA, HEADERS) and flags & END_STREAM:
                streams.append(stream)
        for stream in streams:
            c.head(stream)
            c.send(DATA, 0, stream, peer.token("one"))
        peer.say("begun")
        peer.wait_to_be_told()
        for stream in streams:
            c.send(DATA, END_STREAM, stream, peer.last("two", "onetwo"))
        peer.say("sent")
        while True:
            c.frame()


def greeting(connection):
    offer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offer.load_cert_chain(sys.argv[1], sys.argv[2])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = offer.wrap_bio(incoming, outgoing, server_side=True)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            pass
        reply = outgoing.read()
        if reply:
            peer.say("hello")
            peer.wait_to_be_told()
            connection.sendall(reply)
            peer.say("greeted")
        piece = connection.recv(65536)
        if not piece:
            return
        incoming.write(piece)
    connection.sendall(outgoing.read())
    request = b""
    while b"}" not in request:    # the end of its JSON
        try:
            request += tls.read(65536)
        except ssl.SSLWantReadError:
            piece = connection.recv(65536)
            if not piece:
                return
            incoming.write(piece)
    tls.write(HEAD + peer.token("one") + peer.last("two", "onetwo"))
    connection.sendall(outgoing.read())


peer.run({"many": many, "sharing": sharing, "greeting": greeting})
