# SPDX-License-Identifier: MIT
"""A server that sends one token of a stream for each line `go` on standard
input, so that each token wakes its reader alone."""

import peer


def steps(connection):
    """Answers a request with 120 tokens, and then the closing event."""
    peer.whole_request(connection)
    connection.sendall(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        b"connection: close\r\n\r\n")
    for number in range(120):
        peer.wait_to_be_told()
        connection.sendall(peer.token(" word"))
    connection.sendall(peer.last(".", " word" * 120 + "."))


peer.run({"steps": steps})
