// A restart of the server, as the library lives through it: a new connection, the same groups.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { EVERYTHING, groupMessages, newClient, next, started } from "./support.js";

/** Has the server restarted on its address and waits until it serves again. */
async function restartServer() {
  const socket = connect(Number(process.env.CORECAST_CONTROL), "127.0.0.1");
  socket.setEncoding("utf8");
  socket.write("restart\n");
  const [answer] = await once(socket, "data");
  assert.equal(answer, "done\n");
  socket.end();
}

test("clients come back with their groups", async (t) => {
  const options = {
    autoReconnect: true,
    autoRejoinGroups: true,
    reconnectRetryOptions: { maxRetries: 100, retryDelayInMs: 100, mode: "Fixed" },
  };
  const ana = newClient(t, { user: "ana", roles: EVERYTHING }, options);
  const before = await started(ana);
  await ana.joinGroup("room");
  await ana.joinGroup("left again");
  await ana.leaveGroup("left again");
  ana.on("rejoin-group-failed", ({ group, error }) => assert.fail(`${group}: ${error}`));

  const disconnected = next(ana, "disconnected");
  const reconnected = next(ana, "connected");
  await restartServer();
  const { connectionId, message } = await disconnected;
  assert.equal(connectionId, before.connectionId);
  assert.equal(typeof message?.message, "string", "the server said goodbye");
  const after = await reconnected;
  assert.notEqual(after.connectionId, before.connectionId);
  assert.equal(after.userId, "ana");

  // The library has joined again before or with its `connected` event; an ack of its own request
  // of the same kind comes after.
  await ana.joinGroup("afterwards");
  const receive = groupMessages(ana);
  const ben = newClient(t, { user: "ben", roles: EVERYTHING });
  await started(ben);
  await ben.sendToGroup("left again", "not this", "text");
  await ben.sendToGroup("room", "welcome back", "text");
  assert.equal((await receive()).data, "welcome back");
});
