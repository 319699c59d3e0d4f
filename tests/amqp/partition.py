"""The consumers' side of the container: what the published library of Event Hubs asks for.

Every event hub has the one partition `0`. Consumers get all its messages from the first on, with
the annotations that the service adds: position, sequence number and time.
"""

import datetime
import time

from proton import Data, Message, symbol, timestamp

from sections import sections

CREATED = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def management_reply(request):
    """The description of an event hub or of its partition."""
    asked = request.properties or {}
    told = {"name": asked.get("name"), "type": asked.get("type")}
    if asked.get("type") == "com.microsoft:eventhub":
        created = timestamp(int(CREATED.timestamp() * 1000))
        told |= {"created_at": created, "partition_count": 1, "partition_ids": ["0"]}
    reply = Message(body=told)
    reply.properties = {"status-code": 200, "status-description": "OK"}
    return reply


class Partitions:
    """What arrived at each event hub, and who reads it."""

    def __init__(self):
        self.messages = {}
        # Sending link to how many messages it has got.
        self.readers = {}

    def append(self, event_hub, encoded):
        log = self.messages.setdefault(event_hub, [])
        log.append(annotated(encoded, len(log)))
        for link in list(self.readers):
            self.on_credit(link)

    def attach(self, event_hub, link):
        link.event_hub = event_hub
        self.readers[link] = 0

    def forget(self, connection):
        for link in [link for link in self.readers if link.connection == connection]:
            del self.readers[link]

    def on_credit(self, link):
        log = self.messages.get(getattr(link, "event_hub", None), [])
        while link in self.readers and link.credit > 0 and self.readers[link] < len(log):
            position = self.readers[link]
            link.delivery(str(position))
            link.send(log[position])
            link.advance()
            self.readers[link] += 1


def annotated(encoded, position):
    """The message with the annotations of the service; everything else as it was sent."""
    before, annotations, after = b"", {}, b""
    for name, value, section in sections(encoded):
        if name == "message-annotations":
            annotations = {symbol(key): entry["value"] for key, entry in value["value"].items()}
        elif name in ("header", "delivery-annotations"):
            before += section
        else:
            after += section
    annotations[symbol("x-opt-offset")] = str(position)
    annotations[symbol("x-opt-sequence-number")] = position
    annotations[symbol("x-opt-enqueued-time")] = timestamp(int(time.time() * 1000))
    data = Data()
    data.put_described()
    data.enter()
    data.put_ulong(0x72)
    data.put_dict(annotations)
    data.exit()
    return before + data.encode() + after
