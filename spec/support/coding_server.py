# SPDX-License-Identifier: MIT
"""Servers that compress their responses although no request allows it."""

import gzip
import zlib

import peer

ANSWER = b'{"generated_text":" The sky"}'
EVENTS = peer.token(" The") + peer.last(" sky", " The sky")
BOMB = 100 * 1024 * 1024  # bytes of the response; a thousandth of them is sent


def bomb(coder, before):
    """Returns BOMB compressed bytes of a response that begins correctly."""
    piece = b"a" * (1024 * 1024)
    parts = [coder.compress(before)]
    for _ in range(BOMB // len(piece)):
        parts.append(coder.compress(piece))
    return b"".join(parts) + coder.flush()


def gzip_coder():
    return zlib.compressobj(9, zlib.DEFLATED, 31)


TEXT_BOMB = bomb(gzip_coder(), b'{"generated_text":"')
EVENT_BOMB = bomb(gzip_coder(), EVENTS + b"data: ")
PAGE_BOMB = bomb(gzip_coder(), b"<html><h1>Sorry</h1>")
DEFLATE_BOMB = bomb(zlib.compressobj(9), b'{"generated_text":"')
assert len(TEXT_BOMB) * 900 < BOMB


def whole(head):
    return EVENTS if b"/generate_stream " in head else ANSWER


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def serve(name, make, status=b"200 OK"):
    """Returns a handler. `make` takes the head of the request, and returns the
    fields that say how the body is coded, and the body."""
    def handler(connection):
        while True:
            request = peer.whole_request(connection)
            if request is None:
                return
            head = request[0]
            lower = head.lower()
            if b"\r\naccept-encoding:" in lower or b"\r\nte:" in lower:
                peer.say("asked for a coding:", name)
            peer.say("request", name)
            kind = b"text/event-stream" if whole(head) is EVENTS \
                else b"application/json"
            if status[:1] != b"2":
                kind = b"text/html"
            fields, body = make(head)
            if b"transfer-encoding" not in fields:
                fields += b"content-length: %d\r\n" % len(body)
            connection.sendall(b"HTTP/1.1 %s\r\ncontent-type: %s\r\n%s\r\n%s"
                               % (status, kind, fields, body))
    return handler


def coded(coding, code):
    """Codes the answer with `code`, and calls that `coding`."""
    field = b"content-encoding: %s\r\n" % coding if coding else b""
    return lambda head: (field, code(whole(head)))


def same(coding, body, events=None):
    field = b"content-encoding: %s\r\n" % coding if coding else b""
    return lambda head: (field, events if events is not None
                         and whole(head) is EVENTS else body)


def transfer(coding, code):
    field = b"transfer-encoding: %s, chunked\r\n" % coding
    return lambda head: (field, chunk(code(whole(head))) + b"0\r\n\r\n")


def cut(data):
    return gzip.compress(data)[:-12]


def twice(data):
    return gzip.compress(gzip.compress(data))


CASES = {
    "gzip": coded(b"gzip", gzip.compress),
    "x-gzip": coded(b"x-gzip", gzip.compress),
    "deflate": coded(b"deflate", zlib.compress),
    "truncated": coded(b"gzip", cut),
    "twice": coded(b"gzip, gzip", twice),
    "twice-named-once": coded(b"gzip", twice),
    "bomb": same(b"gzip", TEXT_BOMB, EVENT_BOMB),
    "deflate-bomb": same(b"deflate", DEFLATE_BOMB),
    "unnamed": coded(b"", gzip.compress),
    "unnamed-bomb": same(b"", TEXT_BOMB, EVENT_BOMB),
    "transfer": transfer(b"gzip", gzip.compress),
    "transfer-truncated": transfer(b"gzip", cut),
    "transfer-bomb": lambda head: (
        b"transfer-encoding: gzip, chunked\r\n",
        chunk(EVENT_BOMB if whole(head) is EVENTS else TEXT_BOMB)
        + b"0\r\n\r\n"),
}

handlers = {name: serve(name, make) for name, make in CASES.items()}
handlers["page-bomb"] = serve("page-bomb", same(b"gzip", PAGE_BOMB),
                              b"500 Internal Server Error")
handlers["page"] = serve("page", coded(b"gzip", gzip.compress),
                         b"503 Service Unavailable")
handlers["transfer-page"] = serve("transfer-page",
                                  transfer(b"gzip", gzip.compress),
                                  b"503 Service Unavailable")
peer.run(handlers)
