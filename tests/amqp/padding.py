"""A relay that writes out the fields of AMQP performatives that their sender left out.

Trailing fields that are null may be left out (AMQP 1.0, part 1, section 1.4), and the library that
the container is built on does so. The published consumer library of Event Hubs reads fields by
number and fails without them, because the service always sends them all. Messages pass as they are.
"""

import socket
import struct
import threading

# By the code of the performative's descriptor (part 2, section 2.7).
FIELDS = {0x10: 10, 0x11: 8, 0x12: 14, 0x13: 11, 0x14: 11, 0x15: 6, 0x16: 3, 0x17: 1, 0x18: 1}

NULL = b"\x40"


def relay(host, port):
    """Leads to the container's address; returns the port of this end, on the same host."""
    listener = socket.create_server((host, 0))

    def accept():
        while True:
            client, _ = listener.accept()
            server = socket.create_connection((host, port))
            for copy in ((client, server, pass_bytes), (server, client, pass_frames)):
                threading.Thread(target=until_the_end, args=copy, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def until_the_end(source, target, copy):
    try:
        copy(source, target)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # Either side is gone, and the other copy sees that as well.
        pass


def pass_bytes(source, target):
    while chunk := source.recv(65536):
        target.sendall(chunk)


def pass_frames(source, target):
    stream = source.makefile("rb")
    while head := stream.read(8):
        if head.startswith(b"AMQP"):
            target.sendall(head)
            continue
        size, offset, kind = struct.unpack(">IBB", head[:6])
        rest = stream.read(size - 8)
        extended, body = rest[: offset * 4 - 8], rest[offset * 4 - 8 :]
        if kind == 0 and body:
            body = padded(body)
        target.sendall(struct.pack(">I", 8 + len(extended) + len(body)) + head[4:] + extended + body)


def padded(body):
    """A performative with all its fields, and the payload behind it."""
    assert body[:2] == b"\x00\x53", "a descriptor of one byte"
    code, constructor = body[2], body[3]
    if constructor == 0x45:
        fields, count, end = b"", 0, 4
    elif constructor == 0xC0:
        end = 5 + body[4]
        fields, count = body[6:end], body[5]
    else:
        size, count = struct.unpack(">II", body[4:12])
        end = 8 + size
        fields = body[12:end]
    missing = FIELDS[code] - count
    fields += NULL * missing
    heading = struct.pack(">BII", 0xD0, len(fields) + 4, count + missing)
    return body[:3] + heading + fields + body[end:]
