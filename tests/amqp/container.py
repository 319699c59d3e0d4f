"""An AMQP 1.0 container that plays Event Hubs, records what arrives, and fails as it is told.

    container.py HOST PORT [CERTIFICATE KEY]

What happens is printed as lines of JSON, each with an `event`. Orders come on standard input, one
object of JSON per line with a `do`; each is answered with `{"event": "done", "do": ...}` once it
has been carried out. The names of orders are the methods `do_*` of `Orders`, with dashes. The
container ends with its standard input.

What it has of Event Hubs: anonymous SASL; `$cbs`, without whose consent no link to an event hub
opens or stays; one partition `0` per event hub, which exists once it is asked for; `$management`
and receivers for the published consumer library (`partition.py`).
"""

import json
import os
import sys
import threading
import time
from urllib.parse import urlsplit

from proton import Condition, Delivery, Endpoint, Handler, Message, SSLDomain, int32
from proton.handlers import Handshaker
from proton.reactor import ApplicationEvent, Container, EventInjector

import claims
from partition import Partitions, management_reply
from sections import described

CBS, MANAGEMENT = "$cbs", "$management"
UNAUTHORIZED = "amqp:unauthorized-access"


def tell(event, **more):
    print(json.dumps({"event": event} | more), flush=True)


class Peer:
    """One connection of a client."""

    def __init__(self, number):
        self.number = number
        # Event hub to the end of its token.
        self.claims = {}


class EventHubs(Handshaker):
    def __init__(self, host, port, domain):
        super().__init__()
        self.url, self.domain = f"amqp://{host}:{port}", domain
        self.acceptor = None
        self.peers = {}
        self.peer_count = 0
        self.keys = {}
        self.credit = 1000
        self.max_message_size = 0
        # Not announced; a link that brings more ends.
        self.silent_limit = None
        self.limit_condition = None
        # Deliveries whose end is not told yet, in the order of arrival.
        self.held = []
        # What becomes of the next messages: pairs of a number and an order; then `standing`.
        self.script = []
        self.standing = {"with": "accept"}
        self.refused_claims = []
        self.refused_links = []
        # Like a broker without claims.
        self.is_open = False
        self.partitions = Partitions()

    # Connections.

    def listen(self, container):
        self.acceptor = container.listen(self.url, ssl_domain=self.domain)

    def on_reactor_init(self, event):
        self.listen(event.container)
        tell("listening")

    def on_connection_remote_open(self, event):
        connection = event.connection
        self.peer_count += 1
        self.peers[connection] = Peer(self.peer_count)
        connection.container = "event-hubs"
        tell("connected", connection=self.peer_count, hostname=connection.remote_hostname)
        super().on_connection_remote_open(event)

    def on_transport_closed(self, event):
        peer = self.peers.pop(event.connection, None)
        self.held = [held for held in self.held if held.link.connection != event.connection]
        self.partitions.forget(event.connection)
        if peer:
            tell("disconnected", connection=peer.number)

    # Links.

    def on_link_remote_open(self, event):
        link = event.link
        # Towards this container its target is the node, away from it its source.
        end = link.remote_target if link.is_receiver else link.remote_source
        node = end.address
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        if node in (CBS, MANAGEMENT):
            link.open()
            if link.is_receiver:
                link.flow(100)
            return
        entity = event_hub(node)
        peer = self.peers[link.connection]
        if self.refused_links:
            refusal = self.refused_links.pop(0)
        elif not self.is_allowed(link, entity):
            refusal = UNAUTHORIZED
        else:
            refusal = None
        link.max_message_size = self.max_message_size
        tell("attached", connection=peer.number, address=node, refused=refusal)
        link.open()
        if refusal:
            self.end(link, refusal)
        elif link.is_receiver:
            link.flow(self.credit)
        else:
            assert node.endswith("/Partitions/0"), f"a receiver from {node}"
            self.partitions.attach(entity, link)

    def is_allowed(self, link, entity):
        claimed = self.peers[link.connection].claims
        return self.is_open or claimed.get(entity, 0) > time.time()

    @staticmethod
    def end(link, condition):
        link.condition = Condition(condition, "as the test wants it")
        link.close()

    def on_link_flow(self, event):
        if event.link.is_sender:
            self.partitions.on_credit(event.link)

    def receivers(self):
        """The open links to event hubs."""
        for connection in list(self.peers):
            link = connection.link_head(Endpoint.LOCAL_ACTIVE | Endpoint.REMOTE_ACTIVE)
            while link:
                following = link.next(Endpoint.LOCAL_ACTIVE | Endpoint.REMOTE_ACTIVE)
                if link.is_receiver and link.target.address not in (CBS, MANAGEMENT):
                    yield link
                link = following

    def check_claims(self):
        for link in self.receivers():
            if not self.is_allowed(link, event_hub(link.target.address)):
                tell("expired", connection=self.peers[link.connection].number)
                self.end(link, UNAUTHORIZED)

    # Messages.

    def on_delivery(self, event):
        delivery, link = event.delivery, event.link
        if link.is_sender:
            if delivery.updated:
                delivery.settle()
            return
        if not delivery.readable or delivery.partial or link.state & Endpoint.LOCAL_CLOSED:
            return
        encoded = bytes(link.recv(delivery.pending))
        link.advance()
        address = link.target.address
        if address in (CBS, MANAGEMENT):
            settle(delivery, Delivery.ACCEPTED)
            link.flow(1)
            self.answer(link, address, encoded)
            return
        number = self.peers[link.connection].number
        outcome = self.next_outcome()
        if self.silent_limit and len(encoded) > self.silent_limit:
            outcome = {"with": "detach", "condition": self.limit_condition}
        tell(
            "message",
            connection=number,
            address=address,
            outcome=outcome["with"],
            settled=delivery.settled,
            **described(encoded),
        )
        self.conclude(delivery, outcome, encoded)
        if self.credit and link.state & Endpoint.LOCAL_ACTIVE:
            link.flow(1)

    def next_outcome(self):
        while self.script:
            outcome = self.script[0]
            outcome["count"] -= 1
            if outcome["count"] <= 0:
                self.script.pop(0)
            if outcome["count"] >= 0:
                return outcome
        return self.standing

    def conclude(self, delivery, outcome, encoded):
        match outcome["with"]:
            case "accept":
                settle(delivery, Delivery.ACCEPTED)
                self.partitions.append(event_hub(delivery.link.target.address), encoded)
            case "release":
                settle(delivery, Delivery.RELEASED)
            case "modify":
                settle(delivery, Delivery.MODIFIED)
            case "reject":
                condition = Condition(outcome["condition"], "as the test wants it")
                delivery.local.condition = condition
                settle(delivery, Delivery.REJECTED)
            case "hold":
                self.held.append(delivery)
            case "detach":
                self.end(delivery.link, outcome["condition"])

    # Requests.

    def answer(self, link, node, encoded):
        request = Message()
        request.decode(encoded)
        if node == MANAGEMENT:
            reply = management_reply(request)
        else:
            reply = Message()
            code, text = self.put_token(self.peers[link.connection], request)
            reply.properties = {"status-code": int32(code), "status-description": text}
        reply.correlation_id = request.id
        reply.address = request.reply_to
        sender = reply_link(link.connection, node, request.reply_to)
        if sender is None:
            tell("unanswerable", node=node, reply_to=request.reply_to)
            return
        sender.delivery(str(request.id))
        sender.send(reply.encode())
        sender.advance()

    def put_token(self, peer, request):
        asked = request.properties or {}
        name, kind = asked.get("name"), asked.get("type")
        code, text, end = 202, "Accepted", None
        try:
            if self.refused_claims:
                code, text = self.refused_claims.pop(0), "as the test wants it"
            elif asked.get("operation") != "put-token" or not isinstance(request.body, str):
                raise claims.Refused("not a put-token request")
            else:
                end = claims.expiry(kind, request.body, name, self.keys)
                peer.claims[event_hub(name)] = end
        except claims.Refused as refused:
            code, text = 401, str(refused)
        tell("claims", connection=peer.number, name=name, type=kind, code=code, text=text)
        return code, text


class Orders(Handler):
    """What tests may ask for, on the thread of the container."""

    def __init__(self, hubs):
        self.hubs = hubs
        self.container = None

    def on_order(self, event):
        order = event.subject
        name = order.pop("do")
        getattr(self, "do_" + name.replace("-", "_"))(**order)
        tell("done", do=name)

    def do_keys(self, keys):
        """The shared access keys by name."""
        self.hubs.keys = keys

    def do_settle(self, count=None, **outcome):
        """What becomes of so many further messages, or from now on of all."""
        if count is None:
            self.hubs.standing, self.hubs.script = outcome, []
        else:
            self.hubs.script.append(outcome | {"count": count})

    def do_settle_held(self):
        """Accepts what is held."""
        held, self.hubs.held = self.hubs.held, []
        for delivery in held:
            settle(delivery, Delivery.ACCEPTED)

    def do_credit(self, count):
        """What links get from now on, and what open ones get besides; 0 leaves them what they have."""
        self.hubs.credit = count
        for link in self.hubs.receivers():
            link.flow(count)

    def do_max_message_size(self, bytes):
        """Announced on links that open from now on."""
        self.hubs.max_message_size = bytes

    def do_silent_limit(self, bytes, condition="amqp:link:message-size-exceeded"):
        """Ends links that bring a larger message."""
        self.hubs.silent_limit = bytes
        self.hubs.limit_condition = condition

    def do_refuse_claims(self, codes):
        """The status codes of the next answers of `$cbs`."""
        self.hubs.refused_claims.extend(codes)

    def do_refuse_links(self, conditions):
        """With what the next links to event hubs end."""
        self.hubs.refused_links.extend(conditions)

    def do_open_to_all(self):
        """Links need no claims, and may be anonymous."""
        self.hubs.is_open = True

    def do_detach(self, condition):
        """Ends the open links to event hubs."""
        for link in list(self.hubs.receivers()):
            self.hubs.end(link, condition)

    def do_expire(self):
        """Every token so far ends."""
        for peer in self.hubs.peers.values():
            peer.claims.clear()
        self.hubs.check_claims()

    def do_close(self, condition):
        """Ends connections in the orderly way."""
        for connection in list(self.hubs.peers):
            connection.condition = Condition(condition, "as the test wants it")
            connection.close()

    def do_cut(self):
        """Ends connections without a word."""
        for connection in list(self.hubs.peers):
            connection.transport.close_tail()
            connection.transport.close_head()

    def do_down(self):
        """Accepts no further connections, and cuts those there are."""
        if self.hubs.acceptor:
            self.hubs.acceptor.close()
            self.hubs.acceptor = None
        self.do_cut()

    def do_up(self):
        self.hubs.listen(self.container)


class Clock(Handler):
    """Looks after tokens that end by themselves."""

    def __init__(self, hubs):
        self.hubs = hubs

    def on_reactor_init(self, event):
        event.container.schedule(0.1, self)

    def on_timer_task(self, event):
        self.hubs.check_claims()
        event.container.schedule(0.1, self)


def event_hub(name):
    """Of an address or an audience, with or without the host in front, and what is read from it."""
    return urlsplit(name or "").path.strip("/").partition("/")[0]


def settle(delivery, state):
    delivery.update(state)
    delivery.settle()


def reply_link(connection, node, reply_to):
    """The link that leads from the node to whom the request names."""
    found = None
    link = connection.link_head(Endpoint.LOCAL_ACTIVE)
    while link:
        if link.is_sender and link.remote_source.address == node:
            if link.remote_target.address == reply_to:
                return link
            found = found or link
        link = link.next(Endpoint.LOCAL_ACTIVE)
    return found


def main():
    host, port, *tls = sys.argv[1:]
    domain = None
    if tls:
        domain = SSLDomain(SSLDomain.MODE_SERVER)
        domain.set_credentials(tls[0], tls[1], None)
    hubs = EventHubs(host, port, domain)
    orders, injector = Orders(hubs), EventInjector()
    container = orders.container = Container(hubs, orders, Clock(hubs))
    container.selectable(injector)
    threading.Thread(target=pass_on_orders, args=[injector], daemon=True).start()
    container.run()


def pass_on_orders(injector):
    for line in sys.stdin:
        injector.trigger(ApplicationEvent("order", subject=json.loads(line)))
    os._exit(0)


if __name__ == "__main__":
    main()
