// Membership through the published service library: connections, users, filters, lists
// (A8-A13, A41, A42, A57, A66, A67, A69, A73, A75).

import assert from "node:assert/strict";
import { test } from "node:test";
import { odata } from "@azure/web-pubsub";
import { connect, everyKind, newService, statusOf } from "./service-support.js";

/** Names that need encoding, in every operation on them. */
const GROUPS = ["plain", "g/1 x", "a+b%20?&=#é\u{1f600}", "'quoted'"];
const USER = "a/b c%é+";

const notFound = (error) => error.statusCode === 404;

async function members(service, group) {
  const found = [];
  for await (const { connectionId } of await service.group(group).listConnections()) {
    found.push(connectionId);
  }
  return found;
}

const sorted = (peers) => peers.map((peer) => peer.id).sort();

test("connections are added and removed", { timeout: 60_000 }, async (t) => {
  const service = newService();
  const peers = await everyKind(t, service);
  for (const name of GROUPS) {
    const group = service.group(name);
    assert.equal(await service.groupExists(name), false);
    for (const { id } of peers) {
      assert.equal(await statusOf((options) => group.addConnection(id, options)), 200);
      assert.equal(await statusOf((options) => group.addConnection(id, options)), 200);
    }
    assert.equal(await service.groupExists(name), true);
    assert.deepEqual(await members(service, name), sorted(peers));
    await group.sendToAll("hello", { contentType: "text/plain" });
    for (const peer of peers) {
      const heard = await peer.next();
      assert.equal(peer.hasEnvelope ? JSON.parse(heard).data : heard, "hello");
    }
    for (const { id } of peers) {
      assert.equal(await statusOf((options) => group.removeConnection(id, options)), 204);
      assert.equal(await statusOf((options) => group.removeConnection(id, options)), 204);
    }
    assert.equal(await service.groupExists(name), false);
    assert.deepEqual(await members(service, name), []);
    await assert.rejects(group.addConnection("unknown"), notFound);
    assert.equal(await statusOf((options) => group.removeConnection("unknown", options)), 204);
  }
});

test("a connection leaves all groups at once", async (t) => {
  const service = newService();
  const [peer, other] = await everyKind(t, service, GROUPS);
  await service.removeConnectionFromAllGroups(peer.id);
  for (const name of GROUPS) {
    const found = await members(service, name);
    assert.equal(found.includes(peer.id), false, name);
    assert.equal(found.includes(other.id), true, name);
  }
  const gone = (options) => service.removeConnectionFromAllGroups("unknown", options);
  assert.equal(await statusOf(gone), 204);
});

test("users are added and removed with all their connections", async (t) => {
  const service = newService();
  const identity = { userId: USER };
  const mine = [
    await connect(t, service, "json", { shard: 0, identity }),
    await connect(t, service, "json", { shard: 1, identity }),
    await connect(t, service, "simple", { shard: 0, identity }),
  ];
  await connect(t, service, "json", { identity: { userId: USER.toUpperCase() } });
  assert.equal(await service.userExists(USER), true);
  for (const name of GROUPS) {
    const group = service.group(name);
    assert.equal(await statusOf((options) => group.addUser(USER, options)), 200);
    assert.deepEqual(await members(service, name), sorted(mine));
  }
  // Later connections are not members by that.
  await connect(t, service, "json", { identity });
  assert.deepEqual(await members(service, "plain"), sorted(mine));
  const group = service.group(GROUPS[1]);
  assert.equal(await statusOf((options) => group.removeUser(USER, options)), 204);
  assert.deepEqual(await members(service, GROUPS[1]), []);
  assert.deepEqual(await members(service, GROUPS[2]), sorted(mine));
  const all = (options) => service.removeUserFromAllGroups(USER, options);
  assert.equal(await statusOf(all), 204);
  for (const name of GROUPS) assert.equal(await service.groupExists(name), false, name);
  await assert.rejects(group.addUser("nobody"), notFound);
  assert.equal(await statusOf((options) => group.removeUser("nobody", options)), 204);
  const nobody = (options) => service.removeUserFromAllGroups("nobody", options);
  assert.equal(await statusOf(nobody), 204);
});

test("a filter adds and removes many", async (t) => {
  const service = newService();
  const peers = await everyKind(t, service);
  const [json0, json1] = peers;
  const add = (groups, filter) =>
    statusOf((options) => service.addConnectionsToGroups(groups, filter, options));
  const remove = (groups, filter) =>
    statusOf((options) => service.removeConnectionsFromGroups(groups, filter, options));
  assert.equal(await add(["a", "b"], odata`startswith(userId, ${"json"})`), 200);
  assert.equal(await add(["c"], "true"), 200);
  assert.equal(await add(["d"], "userId eq 'nobody'"), 200);
  assert.deepEqual(await members(service, "a"), sorted([json0, json1]));
  assert.deepEqual(await members(service, "b"), sorted([json0, json1]));
  assert.deepEqual(await members(service, "c"), sorted(peers));
  assert.deepEqual(await members(service, "d"), []);
  assert.equal(await remove(["a", "c"], "'a' in groups and not(userId eq 'json1')"), 200);
  assert.deepEqual(await members(service, "a"), sorted([json1]));
  assert.deepEqual(await members(service, "b"), sorted([json0, json1]));
  assert.deepEqual(await members(service, "c"), sorted(peers.filter((peer) => peer !== json0)));
  assert.equal(await remove(["a", "b", "c", "nowhere"], "true"), 200);
  for (const name of ["a", "b", "c"]) assert.equal(await service.groupExists(name), false, name);
});

test("lists come in the pages asked for", async (t) => {
  const service = newService();
  const peers = await everyKind(t, service, ["g/1 x"]);
  assert.equal(peers.length, 6);
  const group = service.group("g/1 x");
  for (const [options, expected] of [
    [{ top: 6 }, [6]],
    [{ top: 3 }, [3]],
    [{ maxPageSize: 2 }, [2, 2, 2]],
    [{ top: 5, maxPageSize: 2 }, [2, 2, 1]],
    [{}, [6]],
    [{ top: 7, maxPageSize: 5 }, [5, 1]],
    [{ maxPageSize: 200 }, [6]],
  ]) {
    const pages = [];
    for await (const page of (await group.listConnections(options)).byPage()) pages.push(page);
    assert.deepEqual(pages.map((page) => page.length), expected, JSON.stringify(options));
    const found = pages.flat();
    assert.deepEqual(
      found.map((member) => member.connectionId),
      sorted(peers).slice(0, found.length),
    );
    for (const { connectionId, userId } of found) {
      assert.equal(userId, peers.find((peer) => peer.id === connectionId).name);
    }
  }
  // A page's token begins a later list, and a member without user has none.
  let link;
  const onResponse = ({ bodyAsText }) => (link ??= new URL(JSON.parse(bodyAsText).nextLink));
  await (await group.listConnections({ maxPageSize: 4, onResponse })).byPage().next();
  const continuationToken = link.searchParams.get("continuationToken");
  const rest = [];
  for await (const { connectionId } of await group.listConnections({ continuationToken })) {
    rest.push(connectionId);
  }
  assert.deepEqual(rest, sorted(peers).slice(4));
  const anonymous = await connect(t, service, "json", { identity: { groups: ["anonymous"] } });
  for await (const member of await service.group("anonymous").listConnections()) {
    assert.deepEqual(member, { connectionId: anonymous.id });
  }
  for await (const page of (await service.group("nobody").listConnections()).byPage()) {
    assert.deepEqual([...page], []);
  }
});
