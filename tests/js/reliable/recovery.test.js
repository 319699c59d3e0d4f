// Lost transports, as the library lives through them: the same connection, nothing lost, nothing
// twice (C41, C42, C45-C47, J10, J14, J45).

import assert from "node:assert/strict";
import { test } from "node:test";
import { groupMessages, started } from "../common.js";
import { connectionExists, CUTS, newClient, newProxiedClient, order, sleep } from "./support.js";

for (const cut of CUTS) {
  test(`${cut}: the connection goes on and what was published meanwhile arrives`, async (t) => {
    const ana = newProxiedClient(t, { user: "ana" });
    const { connectionId } = await started(ana);
    let connections = 0;
    ana.on("connected", () => (connections += 1));
    const receive = groupMessages(ana);
    await ana.joinGroup("room");
    const ben = newClient(t, { user: "ben" });
    await started(ben);
    await ben.sendToGroup("room", 1, "json");
    assert.equal((await receive()).data, 1);

    // The library comes back as soon as it is let through, which is when all has been said.
    await order("hold");
    await order(cut);
    for (let number = 2; number <= 100; number += 1) await ben.sendToGroup("room", number, "json");
    await order("release");
    for (let number = 2; number <= 100; number += 1) {
      const message = await receive();
      assert.deepEqual([message.data, message.sequenceId], [number, number]);
    }
    assert.equal(connections, 0, "not a new connection");
    assert.equal(await connectionExists(connectionId), true);
    await ana.sendToGroup("room", "still a member", "text");
    assert.equal((await receive()).data, "still a member");
  });
}

// The library repeats a request under the same ack id if the application has chosen the id.
const messageRetryOptions = { maxRetries: 200, retryDelayInMs: 50 };

/** A proxied publisher that repeats its requests, and the messages of a member of `room`. */
async function publisherAndMessages(t) {
  const ana = newProxiedClient(t, { user: "ana" }, { messageRetryOptions });
  const ben = newClient(t, { user: "ben", groups: ["room"] });
  await started(ana);
  await started(ben);
  return [ana, groupMessages(ben)];
}

test("a request that was lost is executed when it is repeated", async (t) => {
  const [ana, receive] = await publisherAndMessages(t);
  await order("hold");
  const sending = ana.sendToGroup("room", "lost", "text", { ackId: 7 });
  await order("reset");
  await order("release");
  assert.equal((await sending).isDuplicated, false);
  assert.equal((await receive()).data, "lost");
});

test("a request whose ack was lost is a duplicate when it is repeated", async (t) => {
  const [ana, receive] = await publisherAndMessages(t);
  await order("mute");
  const sending = ana.sendToGroup("room", "once", "text", { ackId: 7 });
  assert.equal((await receive()).data, "once");
  await order("reset");
  assert.equal((await sending).isDuplicated, true);
  await ana.sendToGroup("room", "another", "text");
  assert.equal((await receive()).data, "another");
});

test("more messages than the server keeps, through several cuts", async (t) => {
  // The library acknowledges once a second, so the server has to keep up to 500 at a time.
  const ana = newProxiedClient(t, { user: "ana" });
  const ben = newClient(t, { user: "ben" });
  await started(ana);
  await started(ben);
  const receive = groupMessages(ana);
  await ana.joinGroup("room");
  for (let number = 1; number <= 2000; number += 1) {
    ben.sendToGroup("room", number, "json", { fireAndForget: true });
    if (number % 50 === 0) await sleep(100);
    if (number % 350 === 0) await order(CUTS[(number / 350) % CUTS.length]);
  }
  for (let number = 1; number <= 2000; number += 1) {
    const message = await receive();
    assert.deepEqual([message.data, message.sequenceId], [number, number]);
  }
});
