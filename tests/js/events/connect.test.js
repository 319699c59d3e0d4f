// E62: the unmodified express middleware lets clients in or does not.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { EVERYTHING, groupMessages, newClient, started } from "../support.js";
import { calls, nextMessage, openSocket, refusal, startApplication } from "./application.js";

const JSON_V1 = "json.webpubsub.azure.v1";

test("without any handler everything is accepted", async (t) => {
  const { url, seen } = await startApplication(t, {});
  const client = newClient(t, { user: "ana", url });
  assert.equal((await started(client)).userId, "ana");
  await client.sendEvent("e", "x", "text");
  assert.equal(seen[0], "validate");
  assert.equal(seen[1], "connect");
});

test("an endpoint that is allowed passes validation", async (t) => {
  const { url, seen } = await startApplication(t, (endpoint) => ({
    allowedEndpoints: ["https://other.example", endpoint],
  }));
  await started(newClient(t, { user: "ana", url }));
  assert.equal(seen[0], "validate");
});

test("an endpoint that is not allowed does not", async (t) => {
  const { url, seen } = await startApplication(t, {
    allowedEndpoints: ["https://other.example", "https://another.example"],
  });
  assert.equal((await refusal({ user: "ana", url })).status, 500);
  assert.deepEqual(seen, ["validate"]);
});

test("the request tells who wants to connect", async (t) => {
  const connects = calls();
  const { url } = await startApplication(t, {
    handleConnect(request, response) {
      connects.record(request);
      response.success();
    },
  });
  const identity = { user: "änn", roles: ["webpubsub.joinLeaveGroup"], groups: ["g"], url };
  await openSocket(t, identity, [JSON_V1, "other"]);
  const { claims, query, headers, subprotocols, clientCertificates, context } =
    await connects.next();
  assert.deepEqual(claims.sub, ["änn"]);
  assert.deepEqual(claims.role, ["webpubsub.joinLeaveGroup"]);
  assert.deepEqual(claims["webpubsub.group"], ["g"]);
  assert.deepEqual(query, {});
  assert.deepEqual(subprotocols, [JSON_V1, "other"]);
  assert.deepEqual(clientCertificates, []);
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  assert.ok(names.includes("sec-websocket-version"));
  assert.equal(context.hub, "chat");
  assert.equal(context.eventName, "connect");
  assert.equal(Buffer.from(context.userId, "latin1").toString(), "änn");
  assert.equal(context.origin, new URL(url).hostname);
  assert.match(context.signature, /^sha256=[0-9a-f]{64}(,sha256=[0-9a-f]{64})?$/);
  assert.deepEqual(context.states, {});
  assert.equal(context.clientProtocol, "default");
});

test("the answer names user, groups and roles", async (t) => {
  const { url } = await startApplication(t, {
    handleConnect(_request, response) {
      response.success({ userId: "ben", groups: ["room"], roles: EVERYTHING });
    },
  });
  const client = newClient(t, { url });
  assert.equal((await started(client)).userId, "ben");
  const receive = groupMessages(client);
  await client.sendToGroup("room", "to itself", "text");
  assert.equal((await receive()).data, "to itself");
});

test("the answer chooses the subprotocol", async (t) => {
  const { url } = await startApplication(t, {
    handleConnect: (request, response) =>
      response.success({ subprotocol: request.subprotocols.at(-1) }),
    handleUserEvent: (request, response) => response.success(`heard ${request.data}`, "text"),
  });
  const socket = await openSocket(t, { url }, [JSON_V1, "custom.v1"]);
  assert.equal(socket.protocol, "custom.v1");
  socket.send("hello");
  assert.equal(await nextMessage(socket), "heard hello");
});

test("refusals reach the client", async (t) => {
  const answers = [
    [400, "bad"],
    [401, "who are you?"],
    [500, "broken"],
  ];
  let count = 0;
  const { url, seen } = await startApplication(t, {
    handleConnect(_request, response) {
      const [code, detail] = answers[count++ % 3];
      if (count > 3) response.failWith({ code, detail });
      else response.fail(code, detail);
    },
  });
  for (const [status, body] of [...answers, ...answers]) {
    assert.deepEqual(await refusal({ url }), { status, body });
  }
  assert.deepEqual(seen, ["validate", ...Array(6).fill("connect")]);
});

test("connected and disconnected are told", async (t) => {
  const [connects, ends] = [calls(), calls()];
  const { url } = await startApplication(t, {
    onConnected: connects.record,
    onDisconnected: ends.record,
  });
  const client = newClient(t, { user: "ana", url });
  const { connectionId } = await started(client);
  const connected = await connects.next();
  assert.equal(connected.context.connectionId, connectionId);
  assert.equal(connected.context.userId, "ana");
  client.stop();
  const disconnected = await ends.next();
  assert.equal(disconnected.context.connectionId, connectionId);
  assert.equal(disconnected.reason, "");

  const socket = await openSocket(t, { user: "ben", url });
  assert.equal((await connects.next()).context.userId, "ben");
  socket.close(1000, "so long");
  await once(socket, "close");
  assert.equal((await ends.next()).reason, "so long");
});

test("presence in groups is told if it is wanted", async (t) => {
  const [joins, leaves] = [calls(), calls()];
  const { url } = await startApplication(
    t,
    { onGroupJoined: joins.record, onGroupLeft: leaves.record },
    { groupPresenceEvents: { eventNames: ["joined", "left"], groupFilters: ["room.*"] } },
  );
  const client = newClient(t, { user: "ana", roles: EVERYTHING, url });
  await started(client);
  for (const group of ["hall", "room.1"]) await client.joinGroup(group);
  assert.equal((await joins.next()).group, "room.1");
  await client.leaveGroup("room.1");
  const left = await leaves.next();
  assert.deepEqual([left.group, left.context.userId], ["room.1", "ana"]);
});
