"""The published client library with its defaults (J3, J10, J16, J21-J24, J33-J35, J44), and through
cuts of its connection (C41, C45-C47, J10, J14)."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.messaging.webpubsubclient.models import SendMessageError, WebPubSubDataType
from websocket import WebSocketException

from support import CUTS, PROXY, Peer, order

PAYLOADS = [
    ("text é\U0001f600", WebPubSubDataType.TEXT),
    ("", WebPubSubDataType.TEXT),
    ({"a": [1, 2.5, None, True]}, WebPubSubDataType.JSON),
    (memoryview(b"\x00\x01\xfe\xff"), WebPubSubDataType.BINARY),
    # A google.protobuf.Any with the type URL `t.test/Msg`.
    (memoryview(b"\x0a\x0at.test/Msg\x12\x02hi"), WebPubSubDataType.PROTOBUF),
]


def test_every_data_type_reaches_every_member():
    with Peer(user="ana") as ana, Peer(user="ben") as ben:
        assert ana.connected.get(timeout=20).user_id == "ana"
        ana.client.join_group("room")
        ben.client.join_group("room")
        for sequence_id, (data, data_type) in enumerate(PAYLOADS, 1):
            ana.client.send_to_group("room", data, data_type)
            for peer in (ana, ben):
                (message,) = peer.next_group_messages(1)
                assert (message.group, message.from_user_id) == ("room", "ana")
                assert message.sequence_id == sequence_id
                assert (message.data_type, message.data) == (data_type, data)


def test_requests_have_their_effects():
    with Peer(user="ana") as ana, Peer(user="ben") as ben:
        ana.client.join_group("room")
        ben.client.join_group("room")
        ana.client.send_to_group("room", "silent", "text", no_echo=True)
        ana.client.send_to_group("room", "unanswered", "text", ack=False)
        ana.client.send_to_group("room", "once", "text", ack_id=77)
        ana.client.send_to_group("room", "once", "text", ack_id=77)
        ben.client.leave_group("room")
        ana.client.send_to_group("room", "last", "text")
        assert [m.data for m in ana.next_group_messages(3)] == ["unanswered", "once", "last"]
        assert [m.data for m in ben.next_group_messages(3)] == ["silent", "unanswered", "once"]
    with Peer(user="cyd", roles=[], message_retry_total=0) as guest:
        for request in (
            lambda: guest.client.join_group("room"),
            lambda: guest.client.send_to_group("room", "x", "text"),
        ):
            with pytest.raises(SendMessageError) as refused:
                request()
            assert refused.value.error_detail.name == "Forbidden"


def test_answers_of_events_come_as_messages_of_the_server():
    with Peer(message_retry_total=0) as peer:
        for sequence_id, (data, data_type) in enumerate(PAYLOADS[:1] + PAYLOADS[2:], 1):
            peer.client.send_event("echo", data, data_type)
            message = peer.server_messages.get(timeout=20)
            assert message.sequence_id == sequence_id
            assert (message.data_type, message.data) == (data_type, data)
        peer.client.send_event("nothing", "x", "text")
        for event in ("fail", "unhandled"):
            with pytest.raises(SendMessageError) as failed:
                peer.client.send_event(event, "x", "text")
            assert failed.value.error_detail.name == "InternalServerError"


@pytest.mark.parametrize("cut", CUTS)
def test_the_connection_goes_on_after_a_cut(cut):
    with Peer(PROXY, "ana") as ana, Peer(user="ben") as ben:
        connection = ana.connected.get(timeout=20).connection_id
        ana.client.join_group("room")
        ben.client.send_to_group("room", {"number": 1}, "json")
        (first,) = ana.next_group_messages(1)
        assert (first.data, first.sequence_id) == ({"number": 1}, 1)

        # The library comes back as soon as it is let through, which is when all has been said.
        order("hold")
        order(cut)
        for number in range(2, 51):
            ben.client.send_to_group("room", {"number": number}, "json", ack=False)
        ben.client.send_to_group("room", {"number": 51}, "json")
        order("release")
        messages = ana.next_group_messages(50)
        assert [message.sequence_id for message in messages] == list(range(2, 52))
        assert [message.data["number"] for message in messages] == list(range(2, 52))
        assert ana.connected.empty() and ana.disconnected.empty()
        # The library keeps the id of the newest `connected` message to itself.
        assert ana.client._connection_id == connection


@pytest.mark.parametrize("before", ["hold", "mute"])
def test_a_request_that_is_repeated_because_of_a_cut_is_executed_once(before):
    """Held, the request is lost; muted, only its ack."""
    with (
        Peer(PROXY, "ana", message_retry_total=0) as ana,
        Peer(user="ben") as ben,
        ThreadPoolExecutor() as pool,
    ):

        def send():
            # The library forgets the ack id when it repeats a request by itself.
            while True:
                try:
                    return ana.client.send_to_group("room", "once", "text", ack_id=7)
                except (SendMessageError, WebSocketException, OSError):
                    time.sleep(0.1)

        ben.client.join_group("room")
        order(before)
        sending = pool.submit(send)
        if before == "mute":
            (message,) = ben.next_group_messages(1)
            assert message.data == "once"
        order("reset")
        order("release")
        sending.result(timeout=60)
        ana.client.send_to_group("room", "last", "text", ack=False)
        expected = ["last"] if before == "mute" else ["once", "last"]
        assert [message.data for message in ben.next_group_messages(len(expected))] == expected
