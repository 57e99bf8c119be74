# SPDX-License-Identifier: MIT
"""Servers that do not send exactly one response to each request.

usage: python3 strays.py FOLDER

Each answers a request whose prompt is "number N" with "answer to N", and prints
`connection NAME` for each connection. When it has sent data that belongs to no
request, it appends a byte to the file NAME in FOLDER.
"""

import os
import re
import sys
import time

import peer

LATER = 0.02    # seconds from a response to the data that follows it


def answer(text, extra=b"", length=None):
    body = b'{"generated_text":"%s"}' % text.encode()
    size = len(body) if length is None else length(len(body))
    return (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n%s\r\n" % (size, extra) + body)


STRAY = answer("STRAY")


def late(send, text):
    send(answer(text))
    time.sleep(LATER)
    send(STRAY)


def at_once(send, text):
    send(answer(text) + STRAY)


def idle_408(send, text):
    send(answer(text))
    time.sleep(LATER)
    send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n"
         b"connection: close\r\n\r\n")
    return False


def two_lengths(send, text):
    first = len(answer(text)) + len(STRAY)
    send(answer(text, b"content-length: %d\r\n" % first))
    time.sleep(LATER)
    send(STRAY)


def same_lengths(send, text):
    whole = answer(text)
    line = re.search(rb"content-length: \d+\r\n", whole).group(0)
    send(answer(text, line))


def length_and_chunks(send, text):
    body = b'{"generated_text":"%s"}' % text.encode()
    send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
         b"content-length: %d\r\ntransfer-encoding: chunked\r\n\r\n"
         % (len(body) + 400) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))


def clean(send, text):
    send(answer(text))


def no_content(send, text):
    send(b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n")


def serve(name, reply):
    def handler(connection):
        peer.say("connection", name)
        while True:
            request = peer.whole_request(connection)
            if request is None:
                return
            number = re.search(rb"number (\d+)", request[1]).group(1)
            text = "answer to " + number.decode()
            goes_on = reply(connection.sendall, text)
            if goes_on is False:
                connection.close()
            with open(os.path.join(sys.argv[1], name), "ab") as file:
                file.write(b"x")
            if goes_on is False:
                return
    return handler


peer.run({name: serve(name, reply) for name, reply in {
    "late": late, "at-once": at_once, "idle-408": idle_408,
    "two-lengths": two_lengths, "same-lengths": same_lengths,
    "length-and-chunks": length_and_chunks, "clean": clean,
    "no-content": no_content}.items()})
