# SPDX-License-Identifier: MIT
"""Functions that the test servers in this folder share.

Each fault has its own port. The program prints `listening NAME PORT` for each,
then `ready`, and later a line for each event. It exits when standard input is
closed, or after two minutes.
"""

import os
import select
import signal
import socket
import struct
import sys
import threading
import traceback

LIFETIME = 120  # seconds
PATIENCE = 60   # seconds that a read or a write may take

_said = threading.Lock()
_go = threading.Semaphore(0)


def say(*words):
    with _said:
        sys.stdout.write(" ".join(str(word) for word in words) + "\n")
        sys.stdout.flush()


def wait_to_be_told():
    """Waits for a line `go` on standard input."""
    _go.acquire()


def token(text):
    """Returns one event of a stream, as LoRAX frames it."""
    return (b'data:{"token":{"id":5,"text":"%s","logprob":-0.5,'
            b'"special":false},"generated_text":null,"details":null}\n\n'
            % text.encode())


def last(text, generated):
    """Returns the closing event."""
    return (b'data:{"token":{"id":6,"text":"%s","logprob":-0.25,'
            b'"special":false},"generated_text":"%s","details":{'
            b'"finish_reason":"length","prompt_tokens":3,'
            b'"generated_tokens":3,"seed":42}}\n\n'
            % (text.encode(), generated.encode()))


def whole_request(connection):
    """Reads one HTTP/1.1 request with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return None
        body += piece
    return head, body


def join(one, other):
    """Forwards bytes in both directions until one side closes; either side may
    use TLS."""
    ends = {one: other, other: one}
    while True:
        for end in select.select(list(ends), [], [], PATIENCE)[0]:
            while True:
                data = end.recv(65536)
                if not data:
                    return
                ends[end].sendall(data)
                if not getattr(end, "pending", int)():
                    break


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
    connection.close()


def _serve(name, handler, connection):
    connection.settimeout(PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        handler(connection)
    except (OSError, EOFError):
        pass  # the client closed the connection, which is allowed
    except Exception:  # an error in the test server
        traceback.print_exc()
    finally:
        connection.close()


def _accept(name, handler, listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(name, handler, connection),
                         daemon=True).start()


def run(handlers):
    """Serves `handlers`: name -> function of one connection."""
    signal.alarm(LIFETIME)
    for name, handler in handlers.items():
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        say("listening", name, listener.getsockname()[1])
        threading.Thread(target=_accept, args=(name, handler, listener),
                         daemon=True).start()
    say("ready")
    for line in sys.stdin:
        if line.strip() == "go":
            _go.release()
    sys.stdout.flush()
    os._exit(0)
