// The four sends of the published service library with every option, to clients of every kind on
// two shards (A2-A4, A48-A51, A53-A55, A61, A75).

import assert from "node:assert/strict";
import { test } from "node:test";
import { odata } from "@azure/web-pubsub";
import { connect, everyKind, newService, statusOf } from "./service-support.js";

const bytes = Uint8Array.of(0, 1, 127, 254, 255);

/** Payloads: what is given to the library, and what arrives with and without an envelope. */
const PAYLOADS = [
  ["text \u{1f600}", { contentType: "text/plain" }, ["text", "text \u{1f600}"], "text \u{1f600}"],
  ["", { contentType: "text/plain" }, ["text", ""], ""],
  [{ a: [1, 2.5, null], é: true }, {}, ["json", { a: [1, 2.5, null], é: true }], '{"a":[1,2.5,null],"é":true}'],
  ["a JSON string", {}, ["json", "a JSON string"], '"a JSON string"'],
  [42, {}, ["json", 42], "42"],
  [false, {}, ["json", false], "false"],
  [bytes, {}, ["binary", "AAF//v8="], Buffer.from(bytes)],
  [bytes.buffer, {}, ["binary", "AAF//v8="], Buffer.from(bytes)],
];

async function hears(peer, origin, [, , [dataType, data], plain]) {
  if (peer.hasEnvelope) {
    assert.deepEqual(await peer.json(), { type: "message", ...origin, dataType, data }, peer.name);
  } else {
    assert.deepEqual(await peer.next(), plain, peer.name);
  }
}

/** Sends to all of `candidates` at once, then checks that exactly `expected` had the send before. */
async function reaches(service, candidates, expected, send) {
  assert.equal(await statusOf(send), 202);
  await service.sendToAll("marker", { contentType: "text/plain" });
  for (const peer of candidates) {
    const heard = [];
    for (;;) {
      const message = await peer.next();
      const text = peer.hasEnvelope ? JSON.parse(message).data : message;
      if (text === "marker") break;
      heard.push(text);
    }
    assert.deepEqual(heard, expected.includes(peer) ? ["x"] : [], peer.name);
  }
}

const TEXT = { contentType: "text/plain" };

test("every payload reaches every kind of client by every send", { timeout: 60_000 }, async (t) => {
  const service = newService();
  const group = service.group("a group/1");
  const peers = await everyKind(t, service, ["a group/1"]);
  const server = { from: "server" };
  for (const payload of PAYLOADS) {
    const [message, options] = payload;
    assert.equal(await statusOf((more) => service.sendToAll(message, { ...options, ...more })), 202);
    for (const peer of peers) await hears(peer, server, payload);
    assert.equal(await statusOf((more) => group.sendToAll(message, { ...options, ...more })), 202);
    for (const peer of peers) await hears(peer, { from: "group", group: "a group/1" }, payload);
    for (const peer of peers) {
      await service.sendToUser(peer.name, message, { ...options, messageTtlSeconds: 60 });
      await hears(peer, server, payload);
      await service.sendToConnection(peer.id, message, { ...options, messageTtlSeconds: 60 });
      await hears(peer, server, payload);
    }
  }
});

test("excluded connections and filters choose the receivers", { timeout: 60_000 }, async (t) => {
  const service = newService();
  const peers = await everyKind(t, service, ["room"]);
  const anonymous = await connect(t, service, "json", { shard: 1, identity: { groups: ["room"] } });
  const everyone = [...peers, Object.assign(anonymous, { name: "anonymous" })];
  const [json0, json1, simple0, simple1] = peers;
  const without = (...gone) => everyone.filter((peer) => !gone.includes(peer));
  const named = [json0.id, simple1.id, "unknown", `${json1.id},${simple0.id}`];
  const cases = [
    [{ excludedConnections: named }, without(json0, simple1)],
    [{ excludedConnections: [] }, everyone],
    [{ filter: odata`userId eq ${null}` }, [anonymous]],
    [{ filter: odata`userId in ('json0', ${"simple1"})` }, [json0, simple1]],
    [{ filter: "startswith(userId, 'json')", excludedConnections: [json1.id] }, [json0]],
    [{ filter: "'room' in groups and not('json' eq 'x')", messageTtlSeconds: 300 }, everyone],
    [{ filter: "protocol eq 'json.webpubsub.azure.v1'" }, [json0, json1, anonymous]],
    [{ filter: `connectionId eq '${simple0.id}'`, messageTtlSeconds: 1 }, [simple0]],
    [{ filter: "false", messageTtlSeconds: 0 }, []],
  ];
  for (const [options, expected] of cases) {
    const all = (more) => service.sendToAll("x", { ...TEXT, ...options, ...more });
    await reaches(service, everyone, expected, all);
    const group = (more) => service.group("room").sendToAll("x", { ...TEXT, ...options, ...more });
    await reaches(service, everyone, expected, group);
  }
  for (const [filter, expected] of [
    ["true", [json1]],
    ["'room' in groups", [json1]],
    ["'other' in groups", []],
  ]) {
    const send = (more) => service.sendToUser("json1", "x", { ...TEXT, filter, ...more });
    await reaches(service, everyone, expected, send);
  }
});

test("a send to nobody is accepted", async () => {
  const service = newService();
  for (const send of [
    (options) => service.sendToAll({}, options),
    (options) => service.group("nobody").sendToAll({}, options),
    (options) => service.sendToUser("nobody", {}, options),
    (options) => service.sendToConnection("nobody", {}, options),
  ]) {
    assert.equal(await statusOf(send), 202);
  }
});

test("a wrong filter or lifetime is refused with the text that applications know", async () => {
  const service = newService();
  const message =
    "Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')";
  const options = { filter: "invalid filter" };
  for (const send of [
    () => service.sendToAll("x", options),
    () => service.group("g").sendToAll("x", options),
    () => service.sendToUser("u", "x", options),
    () => service.addConnectionsToGroups(["g"], options.filter),
    () => service.removeConnectionsFromGroups(["g"], options.filter),
  ]) {
    await assert.rejects(send, (error) => {
      assert.equal(error.statusCode, 400);
      assert.equal(JSON.parse(error.response.bodyAsText).message, message);
      return true;
    });
  }
});
