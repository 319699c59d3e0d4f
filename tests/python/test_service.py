"""Every method of the published service library with every option, against clients of every kind
on two shards (A2-A5, A7-A18, A42, A48-A51, A53, A63, A64, A66, A75, O16)."""

import io

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from support import EVERYTHING, WITH_PORT, WITHOUT_PORT, Peers, new_service

GROUPS = ["plain", "g/1 x", "a+b%20?&=#é\U0001f600", "'quoted'"]
USER = "a/b c%é+"


@pytest.fixture
def service():
    return new_service()


@pytest.fixture
def peers(service):
    with Peers(service) as peers:
        yield peers


def ids(peers):
    return sorted(peer.id for peer in peers)


def members(service, group, **options):
    return [member.connection_id for member in service.list_connections(group=group, **options)]


def ends_with(peer, reason):
    if peer.has_envelope:
        told = peer.json()
        assert (told["event"], told["message"]) == ("disconnected", reason)
        assert peer.next() == (1000, reason)
    else:
        assert peer.next() == (1000, "")


@pytest.mark.parametrize("connection_string", [WITH_PORT, WITHOUT_PORT])
def test_both_forms_of_a_connection_string_work(connection_string):
    service = new_service(connection_string)
    with Peers(service) as peers:
        peer = peers.open()
        service.send_to_connection(peer.id, 1)
        assert peer.json()["data"] == 1


@pytest.mark.parametrize(
    ("message", "content_type", "enveloped", "plain"),
    [
        ("hi", None, ("json", "hi"), '"hi"'),
        ({"a": [1, None]}, "application/json", ("json", {"a": [1, None]}), '{"a": [1, null]}'),
        ("text é\U0001f600", "text/plain", ("text", "text é\U0001f600"), "text é\U0001f600"),
        (b"\x00\x01\xfe\xff", "application/octet-stream", ("binary", "AAH+/w=="), b"\x00\x01\xfe\xff"),
        # A stream travels in chunks, without a length (A45).
        (lambda: iter([b"\x00\x01", b"\xfe\xff"]), "application/octet-stream", ("binary", "AAH+/w=="), b"\x00\x01\xfe\xff"),
        (lambda: io.BytesIO(b"stream"), "application/octet-stream", ("binary", "c3RyZWFt"), b"stream"),
    ],
)
def test_every_payload_reaches_every_kind_by_every_send(
    service, peers, message, content_type, enveloped, plain
):
    everyone = peers.every_kind(["a group/1"])
    payload = message if callable(message) else lambda: message
    options = {} if content_type is None else {"content_type": content_type}

    def hears(peer, **origin):
        if peer.has_envelope:
            data_type, data = enveloped
            expected = {"type": "message", **origin, "dataType": data_type, "data": data}
            assert peer.json() == expected
        else:
            assert peer.next() == plain

    service.send_to_all(payload(), **options)
    for peer in everyone:
        hears(peer, **{"from": "server"})
    service.send_to_group("a group/1", payload(), **options)
    for peer in everyone:
        hears(peer, **{"from": "group", "group": "a group/1"})
    for peer in everyone:
        service.send_to_user(peer.user, payload(), **options)
        hears(peer, **{"from": "server"})
        service.send_to_connection(peer.id, payload(), **options)
        hears(peer, **{"from": "server"})


def test_excluded_and_filter_choose_the_receivers(service, peers):
    everyone = peers.every_kind(["room"])
    json0, json1, simple0, simple1, *publishers = everyone
    cases = [
        ({"excluded": [json0.id, simple1.id, "unknown"]}, [json1, simple0, *publishers]),
        ({"excluded": [f"{json0.id},{json1.id}"]}, everyone),
        ({"filter": "userId in ('json0', 'simple1')"}, [json0, simple1]),
        ({"filter": "startswith(userId, 'json')", "excluded": [json0.id]}, [json1]),
        ({"filter": "false"}, []),
    ]

    def check(expected):
        service.send_to_all("marker", content_type="text/plain")
        for peer in everyone:
            heard = []
            while not heard or heard[-1] != "marker":
                heard.append(peer.json()["data"] if peer.has_envelope else peer.next())
            assert heard == (["x", "marker"] if peer in expected else ["marker"]), peer.user

    for options, expected in cases:
        service.send_to_all("x", content_type="text/plain", **options)
        check(expected)
        service.send_to_group("room", "x", content_type="text/plain", **options)
        check(expected)
    for condition, expected in [("'room' in groups", [json1]), ("'other' in groups", [])]:
        service.send_to_user("json1", "x", content_type="text/plain", filter=condition)
        check(expected)


def test_a_send_to_nobody_is_accepted(service):
    service.send_to_all("x")
    service.send_to_group("nobody", "x")
    service.send_to_user("nobody", "x")
    service.send_to_connection("nobody", "x")


def test_a_wrong_filter_is_refused(service):
    with pytest.raises(HttpResponseError) as refused:
        service.send_to_all("x", filter="invalid filter")
    assert refused.value.status_code == 400
    assert "Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')" in str(refused.value)


def test_what_exists_is_known(service, peers):
    for peer in peers.every_kind(["room"]):
        assert service.connection_exists(peer.id) is True
        assert service.user_exists(peer.user) is True
        assert service.connection_exists(peer.id.lower()) is False
        assert service.user_exists(peer.user.upper()) is False
    assert service.group_exists("room") is True
    assert service.group_exists("ROOM") is False


def test_connections_are_added_and_removed(service, peers):
    everyone = peers.every_kind()
    for group in GROUPS:
        assert service.group_exists(group) is False
        for peer in everyone:
            service.add_connection_to_group(group, peer.id)
            service.add_connection_to_group(group, peer.id)
        assert members(service, group) == ids(everyone)
        for peer in everyone[1:]:
            service.remove_connection_from_group(group, peer.id)
        assert members(service, group) == [everyone[0].id]
        with pytest.raises(ResourceNotFoundError):
            service.add_connection_to_group(group, "unknown")
        service.remove_connection_from_group(group, "unknown")
    service.remove_connection_from_all_groups(everyone[0].id)
    assert not any(service.group_exists(group) for group in GROUPS)
    service.remove_connection_from_all_groups("unknown")


def test_users_are_added_and_removed(service, peers):
    mine = [peers.open(kind, shard, USER) for kind in ("json", "simple") for shard in (0, 1)]
    peers.open(user="another")
    for group in GROUPS:
        service.add_user_to_group(group, USER)
        assert members(service, group) == ids(mine)
    service.remove_user_from_group("plain", USER)
    assert not service.group_exists("plain")
    assert service.group_exists("g/1 x")
    service.remove_user_from_all_groups(USER)
    assert not any(service.group_exists(group) for group in GROUPS)
    with pytest.raises(ResourceNotFoundError):
        service.add_user_to_group("plain", "nobody")
    service.remove_user_from_group("plain", "nobody")
    service.remove_user_from_all_groups("nobody")


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"top": 6}, [6]),
        ({"top": 3}, [3]),
        ({"params": {"maxpagesize": 2}}, [2, 2, 2]),
        ({"top": 5, "params": {"maxpagesize": 2}}, [2, 2, 1]),
        ({}, [6]),
    ],
)
def test_lists_come_in_the_pages_asked_for(service, peers, options, sizes):
    everyone = peers.every_kind(["g/1 x"])
    pages = [list(page) for page in service.list_connections(group="g/1 x", **options).by_page()]
    assert [len(page) for page in pages] == sizes
    found = [member for page in pages for member in page]
    assert [member.connection_id for member in found] == ids(everyone)[: sum(sizes)]
    users = {peer.id: peer.user for peer in everyone}
    assert all(member.user_id == users[member.connection_id] for member in found)


def test_a_list_without_members_is_empty(service):
    assert members(service, "nobody") == []


@pytest.mark.parametrize("permission", ["joinLeaveGroup", "sendToGroup"])
@pytest.mark.parametrize("shard", [0, 1])
def test_permissions_are_granted_checked_and_revoked(service, peers, permission, shard):
    peer = peers.open(shard=shard, roles=[])

    def has(**target):
        return service.has_permission(permission, peer.id, **target)

    one, other = {"target_name": "g/1 x"}, {"target_name": "other"}
    assert (has(**one), has(**other), has()) == (False, False, False)
    service.grant_permission(permission, peer.id, **one)
    assert (has(**one), has(**other), has()) == (True, False, False)
    service.revoke_permission(permission, peer.id, **one)
    assert (has(**one), has(**other), has()) == (False, False, False)
    service.grant_permission(permission, peer.id)
    assert (has(**one), has(**other), has()) == (True, True, True)
    service.revoke_permission(permission, peer.id)
    assert (has(**one), has(**other), has()) == (False, False, False)
    with pytest.raises(ResourceNotFoundError):
        service.grant_permission(permission, "unknown")
    service.revoke_permission(permission, "unknown")
    assert service.has_permission(permission, "unknown") is False


def test_one_connection_is_closed(service, peers):
    for peer in peers.every_kind():
        service.close_connection(peer.id, reason="go/away é+")
        assert service.connection_exists(peer.id) is False
        ends_with(peer, "go/away é+")
        service.close_connection(peer.id)


@pytest.mark.parametrize("target", ["all", "group", "user"])
def test_many_are_closed_apart_from_the_excluded(service, peers, target):
    if target == "user":
        everyone = [peers.open(kind, shard, USER) for kind in ("json", "simple") for shard in (0, 1)]
    else:
        everyone = peers.every_kind(["room"])

    def close(**options):
        if target == "all":
            service.close_all_connections(**options)
        elif target == "group":
            service.close_group_connections("room", **options)
        else:
            service.close_user_connections(USER, **options)

    kept = everyone[1:3]
    close(excluded=[peer.id for peer in kept], reason="bye")
    for peer in everyone:
        assert service.connection_exists(peer.id) is (peer in kept)
        if peer not in kept:
            ends_with(peer, "bye")
    close()
    for peer in kept:
        ends_with(peer, "")
    close()


def test_access_tokens_carry_user_roles_and_groups(service, peers):
    peer = peers.open(user="ana", roles=["webpubsub.sendToGroup.room"], groups=["room"])
    assert members(service, "room") == [peer.id]
    assert service.has_permission("sendToGroup", peer.id, target_name="room") is True
    assert service.has_permission("sendToGroup", peer.id) is False
    everything = peers.open(roles=EVERYTHING)
    assert service.has_permission("joinLeaveGroup", everything.id) is True
