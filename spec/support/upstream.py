# SPDX-License-Identifier: MIT
"""A model server behind nginx, for behaviour that the stand-in server lacks.

usage: python3 upstream.py

gated: sends two tokens, and the rest when it is told to continue.
flood: sends MEGABYTES of tokens as fast as they are accepted, then the closing
event; prints `sent` after every megabyte.
"""

import peer

MEGABYTES = 200

HEAD = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        b"connection: close\r\n\r\n")


def gated(connection):
    if peer.whole_request(connection) is None:
        return
    connection.sendall(HEAD + peer.token("one") + peer.token(" two"))
    peer.wait_to_be_told()
    connection.sendall(peer.last(" three", "one two three"))


def flood(connection):
    if peer.whole_request(connection) is None:
        return
    # a special token, so that the client does not collect its text
    event = (b'data:{"token":{"id":5,"text":"%s","logprob":-0.5,'
             b'"special":true},"generated_text":null,"details":null}\n\n')
    event %= b"x" * (4096 - len(event) + 2)
    connection.sendall(HEAD)
    for _ in range(MEGABYTES):
        connection.sendall(event * 256)
        peer.say("sent")
    connection.sendall(peer.last("end", "end"))


peer.run({"gated": gated, "flood": flood})
