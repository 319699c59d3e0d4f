// The library as it is when nothing is set: reliable JSON (J3, J10, J16, J21-J24, J26, J44).

import assert from "node:assert/strict";
import { test } from "node:test";
import { groupMessages, shardOf, started } from "../common.js";
import { newClient } from "./support.js";

/** Two started clients on different shards. */
async function pair(t) {
  const ana = newClient(t, { user: "ana" });
  const { connectionId } = await started(ana);
  for (;;) {
    const ben = newClient(t, { user: "ben" });
    const other = await started(ben);
    if (shardOf(other.connectionId) !== shardOf(connectionId)) return [ana, ben];
    ben.stop();
  }
}

test("every data type reaches both clients, with a sequence id", async (t) => {
  const [ana, ben] = await pair(t);
  const received = [groupMessages(ana), groupMessages(ben)];
  await ana.joinGroup("room");
  await ben.joinGroup("room");
  const bytes = Uint8Array.of(0, 1, 254, 255).buffer;
  // A google.protobuf.Any with the type URL `t.test/Msg`.
  const any = new TextEncoder().encode("\x0a\x0at.test/Msg\x12\x02hi").buffer;
  let sequenceId = 0;
  for (const [data, dataType] of [
    ["text \u{1f600}", "text"],
    ["", "text"],
    [{ a: [1, 2.5, null, true], "b c": "é" }, "json"],
    ["a JSON string", "json"],
    [42, "json"],
    [bytes, "binary"],
    [new ArrayBuffer(0), "binary"],
    [any, "protobuf"],
  ]) {
    const result = await ana.sendToGroup("room", data, dataType);
    assert.equal(result.isDuplicated, false);
    sequenceId += 1;
    for (const receive of received) {
      const message = await receive();
      assert.equal(message.group, "room");
      assert.equal(message.fromUserId, "ana");
      assert.equal(message.sequenceId, sequenceId);
      assert.equal(message.dataType, dataType);
      assert.deepEqual(message.data, data);
    }
  }
});

test("requests have the effects that they have with the plain protocol", async (t) => {
  const [ana, ben] = await pair(t);
  const [toAna, toBen] = [groupMessages(ana), groupMessages(ben)];
  await ana.joinGroup("room");
  await ben.joinGroup("room");
  await ana.sendToGroup("room", "silent", "text", { noEcho: true });
  await ana.sendToGroup("room", "unanswered", "text", { fireAndForget: true });
  assert.equal((await toBen()).data, "silent");
  for (const receive of [toAna, toBen]) assert.equal((await receive()).data, "unanswered");

  await ben.leaveGroup("room");
  const first = await ana.sendToGroup("room", "x", "text", { ackId: 77 });
  const second = await ana.sendToGroup("room", "x", "text", { ackId: 77 });
  assert.deepEqual([first.isDuplicated, second.isDuplicated], [false, true]);
  await ben.joinGroup("room");
  await ana.sendToGroup("room", "last", "text");
  assert.equal((await toBen()).data, "last");
  for (const data of ["x", "last"]) assert.equal((await toAna()).data, data);

  const guest = newClient(t, { user: "cyd", roles: [] });
  await started(guest);
  const forbidden = (error) => error.errorDetail?.name === "Forbidden";
  await assert.rejects(guest.joinGroup("room"), forbidden);
  await assert.rejects(guest.sendToGroup("room", "x", "text"), forbidden);
});
