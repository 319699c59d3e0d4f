// Groups through the library: two clients on different shards of one server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessUrl, EVERYTHING, groupMessages, newClient, next, shardOf, started } from "./support.js";
import { WebPubSubClient, WebPubSubJsonProtocol } from "@azure/web-pubsub-client";

/** A started client of another shard than the given one; any, without. */
async function startedElsewhere(t, identity, shard) {
  for (;;) {
    const client = newClient(t, identity);
    const { connectionId, userId } = await started(client);
    assert.equal(userId, identity.user);
    if (shardOf(connectionId) !== shard) return { client, shard: shardOf(connectionId) };
    client.stop();
  }
}

async function pair(t) {
  const ana = await startedElsewhere(t, { user: "ana", roles: EVERYTHING });
  const ben = await startedElsewhere(t, { user: "ben", roles: EVERYTHING }, ana.shard);
  return [ana.client, ben.client];
}

test("every data type reaches both clients", async (t) => {
  const [ana, ben] = await pair(t);
  const received = [groupMessages(ana), groupMessages(ben)];
  await ana.joinGroup("room");
  await ben.joinGroup("room");
  const bytes = Uint8Array.of(0, 1, 254, 255).buffer;
  // A google.protobuf.Any with the type URL `t.test/Msg`.
  const any = new TextEncoder().encode("\x0a\x0at.test/Msg\x12\x02hi").buffer;
  for (const [data, dataType] of [
    ["text \u{1f600}", "text"],
    ["", "text"],
    [{ a: [1, 2.5, null, true], "b c": "é" }, "json"],
    ["a JSON string", "json"],
    [42, "json"],
    [false, "json"],
    [bytes, "binary"],
    [new ArrayBuffer(0), "binary"],
    [any, "protobuf"],
  ]) {
    const result = await ana.sendToGroup("room", data, dataType);
    assert.equal(result.isDuplicated, false);
    for (const receive of received) {
      const message = await receive();
      assert.equal(message.group, "room");
      assert.equal(message.fromUserId, "ana");
      assert.equal(message.dataType, dataType);
      assert.deepEqual(message.data, data);
    }
  }
});

test("noEcho spares the sender", async (t) => {
  const [ana, ben] = await pair(t);
  const [toAna, toBen] = [groupMessages(ana), groupMessages(ben)];
  await ana.joinGroup("room");
  await ben.joinGroup("room");
  await ana.sendToGroup("room", "silent", "text", { noEcho: true });
  await ana.sendToGroup("room", "loud", "text", { noEcho: false });
  await ana.sendToGroup("room", "unanswered", "text", { fireAndForget: true });
  for (const expected of ["silent", "loud", "unanswered"]) {
    assert.equal((await toBen()).data, expected);
  }
  assert.equal((await toAna()).data, "loud");
  assert.equal((await toAna()).data, "unanswered");
});

test("who has left hears nothing more", async (t) => {
  const [ana, ben] = await pair(t);
  const toBen = groupMessages(ben);
  await ben.joinGroup("room");
  await ben.joinGroup("marker");
  await ana.sendToGroup("room", "before", "text");
  assert.equal((await toBen()).data, "before");
  await ben.leaveGroup("room");
  await ana.sendToGroup("room", "after", "text");
  await ana.sendToGroup("marker", "marker", "text");
  assert.equal((await toBen()).data, "marker");
});

test("a repeated ack id is a duplicate, not an error", async (t) => {
  const [ana] = await pair(t);
  const first = await ana.sendToGroup("room", "x", "text", { ackId: 7 });
  const second = await ana.sendToGroup("room", "x", "text", { ackId: 7 });
  assert.deepEqual([first.isDuplicated, second.isDuplicated], [false, true]);
});

test("without a role requests are forbidden and the connection stays", async (t) => {
  const client = newClient(t, { user: "cyd", groups: ["room"] });
  await started(client);
  const forbidden = (error) => {
    assert.equal(error.errorDetail?.name, "Forbidden");
    assert.equal(typeof error.errorDetail.message, "string");
    return true;
  };
  await assert.rejects(client.joinGroup("room"), forbidden);
  await assert.rejects(client.sendToGroup("room", "x", "text"), forbidden);
  await assert.rejects(client.leaveGroup("room"), forbidden);
  const unhandled = (error) => error.errorDetail?.name === "InternalServerError";
  await assert.rejects(client.sendEvent("unhandled", "x", "text"), unhandled);
  // A member by its token all the same.
  const receive = groupMessages(client);
  const [ana] = await pair(t);
  await ana.sendToGroup("room", "hello", "text");
  assert.equal((await receive()).data, "hello");
});

test("the library's own pings keep the connection", async (t) => {
  const options = { keepAliveIntervalInMs: 100, keepAliveTimeoutInMs: 1000 };
  const client = newClient(t, { user: "ana", roles: EVERYTHING }, options);
  let disconnected = false;
  client.on("disconnected", () => (disconnected = true));
  await started(client);
  // Longer than the library waits for a sign of life; nothing but pongs arrives.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.equal(disconnected, false);
  await client.joinGroup("room");
});

test("stopping is a normal end", async (t) => {
  const client = newClient(t, { user: "ana" });
  await started(client);
  const stopped = next(client, "stopped");
  const disconnected = next(client, "disconnected");
  client.stop();
  await disconnected;
  await stopped;
});

test("a bad token is refused", async () => {
  const url = accessUrl({ user: "ana" }).replace(/.$/, (last) => (last === "A" ? "Q" : "A"));
  const client = new WebPubSubClient(url, { protocol: WebPubSubJsonProtocol(), autoReconnect: false });
  await assert.rejects(client.start(), /401/);
});
