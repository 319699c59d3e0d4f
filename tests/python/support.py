"""What the scripts share: the server's address and key, and clients on the shard that is wanted."""

import base64
import contextlib
import itertools
import json
import os
from urllib.parse import urlsplit

from azure.messaging.webpubsubservice import WebPubSubServiceClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

URL = urlsplit(os.environ["CORECAST_URL"])
KEY = os.environ["CORECAST_KEY"]
EVERYTHING = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]

# The two forms of a connection string (operations.md, section 6.1).
WITH_PORT = f"Endpoint=http://{URL.hostname};AccessKey={KEY};Version=1.0;Port={URL.port};"
WITHOUT_PORT = f"Endpoint=http://{URL.netloc};AccessKey={KEY};Version=1.0;"

KINDS = {
    "json": ("json.webpubsub.azure.v1", ""),
    "simple": (None, ""),
    "publisher": (None, "&webpubsub_mode=sendToGroup&group=published"),
}

_numbers = itertools.count(1)


def new_service(connection_string=WITH_PORT):
    """The library for a hub that no other test uses."""
    hub = f"py_{os.getpid()}_{next(_numbers)}"
    return WebPubSubServiceClient.from_connection_string(connection_string, hub)


class Peer:
    """An open connection. `id` is its connection id, `shard` who owns it."""

    def __init__(self, socket, kind):
        self.socket = socket
        self.has_envelope = kind == "json"

    @property
    def shard(self):
        return int.from_bytes(base64.urlsafe_b64decode(self.id)[:2], "big")

    def next(self):
        """Text, bytes, or the code and reason of the end; at most 20 seconds later."""
        try:
            return self.socket.recv(timeout=20)
        except ConnectionClosed as end:
            return (end.rcvd.code, end.rcvd.reason)

    def json(self):
        return json.loads(self.next())


class Peers(contextlib.ExitStack):
    """Opens clients and closes them with the test."""

    def __init__(self, service):
        super().__init__()
        self.service = service

    def open(self, kind="json", shard=None, user=None, groups=(), roles=EVERYTHING):
        """Simple clients are not told their id: it is found by a group that only they are in."""
        subprotocol, query = KINDS[kind]
        while True:
            mark = f"mark-{next(_numbers)}"
            access = self.service.get_client_access_token(
                user_id=user, roles=roles, groups=[*groups, mark], minutes_to_expire=5
            )
            socket = connect(
                access["url"] + query, subprotocols=subprotocol and [subprotocol], proxy=None
            )
            peer = Peer(self.enter_context(socket), kind)
            peer.user = user
            if peer.has_envelope:
                connected = peer.json()
                assert connected["event"] == "connected", connected
                assert connected.get("userId") == user, connected
                peer.id = connected["connectionId"]
            else:
                (member,) = self.service.list_connections(group=mark)
                peer.id = member.connection_id
            self.service.remove_connection_from_group(mark, peer.id)
            if shard is None or peer.shard == shard:
                return peer
            self.service.close_connection(peer.id)

    def every_kind(self, groups=()):
        """One client of every kind on each of the two shards, with the users json0, json1, ..."""
        return [
            self.open(kind, shard, f"{kind}{shard}", groups) for kind in KINDS for shard in (0, 1)
        ]
