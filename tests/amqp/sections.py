"""AMQP messages as JSON, section by section, with the AMQP type of every value.

The bytes of a delivery are taken apart here and not by the library's `Message`, which hides what
tests ask about: which sections there were, how many, and whether a text was a string or a symbol
(AMQP 1.0, part 3, section 3.2).
"""

import base64

from proton import Data

SECTIONS = {
    0x70: "header",
    0x71: "delivery-annotations",
    0x72: "message-annotations",
    0x73: "properties",
    0x74: "application-properties",
    0x75: "data",
    0x76: "amqp-sequence",
    0x77: "amqp-value",
    0x78: "footer",
}

HEADER = ["durable", "priority", "ttl", "first-acquirer", "delivery-count"]

PROPERTIES = [
    "message-id",
    "user-id",
    "to",
    "subject",
    "reply-to",
    "correlation-id",
    "content-type",
    "content-encoding",
    "absolute-expiry-time",
    "creation-time",
    "group-id",
    "group-sequence",
    "reply-to-group-id",
]


def sections(encoded):
    """The name, the decoded value and the bytes of each section, in their order."""
    rest = bytes(encoded)
    while rest:
        data = Data()
        length = data.decode(rest)
        data.rewind()
        assert data.next() == Data.DESCRIBED, "a section is a described value"
        data.enter()
        data.next()
        name = SECTIONS[data.get_ulong()]
        data.next()
        yield name, read(data), rest[:length]
        rest = rest[length:]


def read(data):
    """The value at the cursor, with its type."""
    kind = data.type()
    if kind == Data.MAP:
        return {"type": "map", "value": dict(pairs(data))}
    if kind == Data.LIST:
        return {"type": "list", "value": list(items(data))}
    if kind == Data.ARRAY:
        return {"type": "array", "value": repr(data.get_py_array())}
    if kind == Data.DESCRIBED:
        return {"type": "described", "value": repr(data.get_py_described())}
    value = data.get_object()
    if kind == Data.BINARY:
        value = base64.b64encode(value).decode()
    elif kind == Data.UUID:
        value = str(value)
    return {"type": Data.type_name(kind), "value": value}


def items(data):
    data.enter()
    while data.next():
        yield read(data)
    data.exit()


def pairs(data):
    listed = list(items(data))
    for key, value in zip(listed[::2], listed[1::2]):
        # The type of a key counts as well: annotations have symbols, application properties strings.
        yield key["value"], value | {"key": key["type"]}


def fields(names, value):
    """A list section with the names of its fields, without those that are not set."""
    given = zip(names, value["value"])
    return {name: field for name, field in given if field["type"] != "null"}


def described(encoded):
    """The message as an object of JSON."""
    told = {"order": [], "body": []}
    for name, value, _ in sections(encoded):
        told["order"].append(name)
        if name == "header":
            told[name] = fields(HEADER, value)
        elif name == "properties":
            told[name] = fields(PROPERTIES, value)
        elif name in ("data", "amqp-sequence", "amqp-value"):
            told["body"].append(value | {"section": name})
        else:
            told[name] = value["value"]
    return told
