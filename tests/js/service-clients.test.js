// Existence, ends, permissions and access tokens through the published service library
// (A5, A7, A14-A18, A63, A64, A75, C50, O16, R14).

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  everyKind,
  newService,
  serviceOf,
  statusOf,
  withoutPort,
  withPort,
} from "./service-support.js";

const notFound = (error) => error.statusCode === 404;

/** What a client of its kind sees of an end by the application. */
async function endsWith(peer, reason) {
  if (peer.hasEnvelope) {
    const told = await peer.json();
    assert.deepEqual([told.type, told.event, told.message], ["system", "disconnected", reason]);
    assert.deepEqual(await peer.next(), { code: 1000, reason });
  } else {
    assert.deepEqual(await peer.next(), { code: 1000, reason: "" });
  }
}

test("both forms of a connection string work", async (t) => {
  for (const connectionString of [withPort, withoutPort]) {
    const service = serviceOf(connectionString, "chat");
    const peer = await connect(t, service, "json");
    assert.equal(await service.connectionExists(peer.id), true);
    assert.equal(await statusOf((options) => service.sendToConnection(peer.id, 1, options)), 202);
    assert.equal((await peer.json()).data, 1);
  }
});

test("what exists is known and what does not is not", async (t) => {
  const service = newService();
  const peers = await everyKind(t, service, ["room"]);
  for (const peer of peers) {
    assert.equal(await service.connectionExists(peer.id), true, peer.name);
    assert.equal(await service.userExists(peer.name), true, peer.name);
    assert.equal(await service.connectionExists(peer.id.toLowerCase()), false);
    assert.equal(await service.userExists(peer.name.toUpperCase()), false);
  }
  assert.equal(await service.groupExists("room"), true);
  for (const name of ["ROOM", "unknown", "a/b c%é+", "."]) {
    assert.equal(await service.connectionExists(`${name}x`), false);
    assert.equal(await service.groupExists(`${name}x`), false);
    assert.equal(await service.userExists(`${name}x`), false);
  }
});

test("one connection is closed with a reason", async (t) => {
  const service = newService();
  for (const peer of await everyKind(t, service, ["room"])) {
    const close = (options) => service.closeConnection(peer.id, { reason: "go/away é+", ...options });
    assert.equal(await statusOf(close), 204);
    assert.equal(await service.connectionExists(peer.id), false);
    assert.equal(await service.userExists(peer.name), false);
    await endsWith(peer, "go/away é+");
    assert.equal(await statusOf(close), 204);
  }
  assert.equal(await service.groupExists("room"), false);
});

test("many are closed, apart from the excluded", async (t) => {
  const service = newService();
  for (const close of [
    (options) => service.closeAllConnections(options),
    (options) => service.group("room").closeAllConnections(options),
  ]) {
    const peers = await everyKind(t, service, ["room"]);
    const kept = [peers[1], peers[2]];
    const excluded = kept.map((peer) => peer.id);
    assert.equal(await statusOf((options) => close({ reason: "bye", excluded, ...options })), 204);
    for (const peer of peers) {
      assert.equal(await service.connectionExists(peer.id), kept.includes(peer), peer.name);
      if (!kept.includes(peer)) await endsWith(peer, "bye");
    }
    assert.equal(await statusOf(close), 204);
    for (const peer of kept) await endsWith(peer, "");
    assert.equal(await service.groupExists("room"), false);
  }
});

test("a user's connections are closed, apart from the excluded", async (t) => {
  const service = newService();
  const identity = { userId: "a/b c%é+" };
  const peers = [];
  for (const shard of [0, 1]) {
    peers.push(await connect(t, service, "json", { shard, identity }));
    peers.push(await connect(t, service, "simple", { shard, identity }));
  }
  const bystander = await connect(t, service, "json", { identity: { userId: "other" } });
  const close = (options) => service.closeUserConnections(identity.userId, options);
  const excluded = [peers[0].id];
  assert.equal(await statusOf((options) => close({ reason: "bye", excluded, ...options })), 204);
  for (const peer of peers.slice(1)) await endsWith(peer, "bye");
  assert.equal(await service.userExists(identity.userId), true);
  assert.equal(await statusOf(close), 204);
  await endsWith(peers[0], "");
  assert.equal(await service.userExists(identity.userId), false);
  assert.equal(await service.connectionExists(bystander.id), true);
  assert.equal(await statusOf(close), 204);
});

test("permissions are granted, checked and revoked", async (t) => {
  const service = newService();
  for (const shard of [0, 1]) {
    const peer = await connect(t, service, "json", { shard, identity: { roles: [] } });
    for (const permission of ["joinLeaveGroup", "sendToGroup"]) {
      const has = (targetName) => service.hasPermission(peer.id, permission, { targetName });
      const type = permission === "sendToGroup" ? "sendToGroup" : "joinGroup";
      const may = async (group) => {
        const ack = await peer.ask({ type, group, dataType: "text", data: "x", noEcho: true });
        return ack.success;
      };
      const change = (operation, targetName) =>
        statusOf((options) => service[operation](peer.id, permission, { targetName, ...options }));
      const expect = async (inOne, inOther, inAll) => {
        assert.deepEqual([await has("g/1 x"), await has("other"), await has()], [inOne, inOther, inAll]);
        assert.deepEqual([await may("g/1 x"), await may("other")], [inOne, inOther]);
      };
      await expect(false, false, false);
      assert.equal(await change("grantPermission", "g/1 x"), 200);
      assert.equal(await change("grantPermission", "g/1 x"), 200);
      await expect(true, false, false);
      assert.equal(await change("revokePermission", "g/1 x"), 204);
      await expect(false, false, false);
      assert.equal(await change("grantPermission"), 200);
      await expect(true, true, true);
      assert.equal(await change("revokePermission"), 204);
      await expect(false, false, false);
    }
  }
  for (const targetName of [undefined, "g"]) {
    await assert.rejects(service.grantPermission("unknown", "sendToGroup", { targetName }), notFound);
    const revoke = (options) =>
      service.revokePermission("unknown", "sendToGroup", { targetName, ...options });
    assert.equal(await statusOf(revoke), 204);
    assert.equal(await service.hasPermission("unknown", "sendToGroup", { targetName }), false);
  }
});

test("access tokens carry user, roles and groups", async (t) => {
  const service = newService();
  const identity = { userId: "ana", roles: ["webpubsub.sendToGroup.room"], groups: ["room"] };
  for (const expirationTimeInMinutes of [undefined, 1]) {
    const peer = await connect(t, service, "json", { identity: { ...identity, expirationTimeInMinutes } });
    assert.equal(peer.userId, "ana");
    assert.equal(await service.groupExists("room"), true);
    const ack = await peer.ask({ type: "sendToGroup", group: "room", data: 1, noEcho: true });
    assert.equal(ack.success, true);
    const refused = await peer.ask({ type: "joinGroup", group: "room" });
    assert.equal(refused.error.name, "Forbidden");
    await service.closeConnection(peer.id);
  }
});
