"""Clients as the library makes them when it is told nothing, with the reliable JSON subprotocol:
directly, or through a proxy that does damage on command."""

import os
import queue
import socket
import time

import jwt
from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.models import CallbackType

DIRECT, PROXY = os.environ["CORECAST_URL"], os.environ["CORECAST_PROXY_URL"]
EVERYTHING = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]

# Everything that can happen to a connection and that a client has to come back from.
CUTS = ["reset", "finish", "half-close-to-server", "half-close-to-client"]


def access_url(address, user, roles):
    claims = {
        "aud": f"{DIRECT.replace('ws:', 'http:')}/client/hubs/chat",
        "exp": int(time.time()) + 600,
        "sub": user,
        "role": roles,
    }
    token = jwt.encode(claims, os.environ["CORECAST_KEY"], algorithm="HS256")
    return f"{address}/client/hubs/chat?access_token={token}"


class Peer:
    """An open client, and what has come for it."""

    def __init__(self, address=DIRECT, user="ana", roles=EVERYTHING, **options):
        # A lost connection is the end, unless it is recovered.
        options = {"reconnect_retry_total": 0, "auto_rejoin_groups": False, **options}
        # The library misses what comes before it waits, and goes on after these times instead.
        options = {"ack_timeout": 1, "start_timeout": 5, **options}
        self.client = WebPubSubClient(access_url(address, user, roles), **options)
        self.connected = self.queue_of(CallbackType.CONNECTED)
        self.disconnected = self.queue_of(CallbackType.DISCONNECTED)
        self.group_messages = self.queue_of(CallbackType.GROUP_MESSAGE)
        self.server_messages = self.queue_of(CallbackType.SERVER_MESSAGE)

    def queue_of(self, event):
        arrived = queue.Queue()
        self.client.subscribe(event, arrived.put)
        return arrived

    def __enter__(self):
        self.client.open()
        return self

    def __exit__(self, *_):
        self.client.close()

    def next_group_messages(self, count):
        """So many messages by their sequence ids: the library calls back on a thread each."""
        messages = [self.group_messages.get(timeout=30) for _ in range(count)]
        return sorted(messages, key=lambda message: message.sequence_id)


def order(what):
    """Has the proxy do something, and waits until it has."""
    with socket.create_connection(("127.0.0.1", int(os.environ["CORECAST_CONTROL"]))) as control:
        control.sendall(f"{what}\n".encode())
        assert control.recv(16) == b"done\n"
