"""Takes every message from an address of a broker and prints each as a line of JSON.

    receive.py URL ADDRESS [USER PASSWORD]

It comes back when the broker goes away, accepts what it has printed, and ends with its standard
input.
"""

import json
import os
import sys
import threading

from proton import Delivery, Endpoint
from proton.handlers import Handshaker
from proton.reactor import Backoff, Container

from sections import described

CREDIT = 2000


class Receiver(Handshaker):
    def __init__(self, url, address, user=None, password=None):
        super().__init__()
        self.url, self.address = url, address
        self.login = {"user": user, "password": password, "allowed_mechs": "PLAIN"} if user else {}

    def on_reactor_init(self, event):
        container = event.container
        connection = container.connect(
            self.url, reconnect=Backoff(initial=0.2, max_delay=1), heartbeat=20, **self.login
        )
        container.create_receiver(connection, self.address)

    def on_link_remote_open(self, event):
        tell({"event": "attached"})

    def on_link_local_open(self, event):
        event.link.flow(CREDIT)

    def on_link_remote_close(self, event):
        tell({"event": "refused", "condition": str(event.link.remote_condition)})

    def on_delivery(self, event):
        delivery, link = event.delivery, event.link
        if not delivery.readable or delivery.partial:
            return
        tell({"event": "message"} | described(link.recv(delivery.pending)))
        delivery.update(Delivery.ACCEPTED)
        delivery.settle()
        if link.state & Endpoint.LOCAL_ACTIVE and link.credit < CREDIT // 2:
            link.flow(CREDIT - link.credit)


def tell(line):
    print(json.dumps(line), flush=True)


def main():
    threading.Thread(target=end_with_input, daemon=True).start()
    Container(Receiver(*sys.argv[1:])).run()


def end_with_input():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
