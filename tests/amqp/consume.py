"""Reads an event hub with the published consumer library, and prints what that makes of events.

    consume.py HOST PORT KEY_NAME KEY EVENT_HUB COUNT

What to look at is how a consumer would write it: the library hands out names of properties, and
values that are strings on the wire, as bytes; a value of another type would show as such.
"""

import base64
import json
import sys
import threading

from azure.eventhub import EventHubConsumerClient

from padding import relay

SECONDS_MAX = 20


def text(value):
    return value.decode() if isinstance(value, bytes) else repr(value)


def told(event):
    return {
        "event": "message",
        "properties": {text(name): text(value) for name, value in event.properties.items()},
        "system": sorted(text(name) for name in event.system_properties),
        "partition-key": text(event.partition_key),
        "content-type": event.content_type,
        "message-id": event.message_id,
        "body": base64.b64encode(b"".join(event.body)).decode(),
    }


def main():
    host, port, key_name, key, event_hub, count = sys.argv[1:]
    client = EventHubConsumerClient.from_connection_string(
        f"Endpoint=sb://{host}:{relay(host, int(port))};SharedAccessKeyName={key_name};"
        f"SharedAccessKey={key};UseDevelopmentEmulator=true",
        consumer_group="$Default",
        eventhub_name=event_hub,
    )
    remaining, is_over = int(count), threading.Event()

    def on_event(context, event):
        nonlocal remaining
        print(json.dumps(told(event)), flush=True)
        remaining -= 1
        if remaining == 0:
            is_over.set()

    def on_error(context, error):
        print(json.dumps({"event": "error", "text": repr(error)}), flush=True)
        is_over.set()

    def read():
        client.receive(on_event=on_event, on_error=on_error, starting_position="-1")

    threading.Thread(target=read, daemon=True).start()
    is_over.wait(SECONDS_MAX)
    client.close()


if __name__ == "__main__":
    main()
