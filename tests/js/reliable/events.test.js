// Events and invocations, answered by the handler that the test of the server has scripted: `echo`
// repeats, `slow` does so after a second, `nothing` has no answer, `fail` fails, and nobody takes
// any other (J33-J35, J62-J65).

import assert from "node:assert/strict";
import { test } from "node:test";
import { messages, started } from "../common.js";
import { newClient, newProxiedClient, order, sleep } from "./support.js";

const PAYLOADS = [
  ["text \u{1f600}", "text"],
  [{ a: [1, 2.5, null, true] }, "json"],
  [42, "json"],
  [Uint8Array.of(0, 1, 254, 255).buffer, "binary"],
  // A google.protobuf.Any with the type URL `t.test/Msg`.
  [new TextEncoder().encode("\x0a\x0at.test/Msg\x12\x02hi").buffer, "protobuf"],
];

test("answers of events come as messages of the server", async (t) => {
  const client = newClient(t, { user: "ana" });
  await started(client);
  const receive = messages(client, "server-message");
  for (const [data, dataType] of PAYLOADS) {
    assert.equal((await client.sendEvent("echo", data, dataType)).isDuplicated, false);
    const message = await receive();
    assert.equal(message.dataType, dataType);
    assert.deepEqual(message.data, data);
  }
  await client.sendEvent("nothing", "x", "text");
  for (const event of ["fail", "unhandled"]) {
    const failed = (error) => error.errorDetail?.name === "InternalServerError";
    await assert.rejects(client.sendEvent(event, "x", "text"), failed);
  }
  await client.sendEvent("echo", "last", "text");
  assert.equal((await receive()).data, "last");
});

test("an answer that finds nobody arrives after the recovery", async (t) => {
  const client = newProxiedClient(t, { user: "ana" });
  await started(client);
  const receive = messages(client, "server-message");
  const lost = assert.rejects(client.sendEvent("slow", "late", "text"));
  // Long enough for the event to reach the handler, and for the answer to come back.
  await sleep(500);
  await order("hold");
  await order("reset");
  await lost;
  await sleep(1000);
  await order("release");
  const message = await receive();
  assert.deepEqual([message.data, message.sequenceId], ["late", 1]);
});

test("invocations return what the handler answers", async (t) => {
  const client = newClient(t, { user: "ana" });
  await started(client);
  client.on("server-message", () => assert.fail("an answer of an invocation is no message"));
  for (const [data, dataType] of PAYLOADS) {
    const result = await client.invokeEvent("echo", data, dataType);
    assert.equal(result.dataType, dataType);
    assert.deepEqual(result.data, data);
  }
  const { dataType, data } = await client.invokeEvent("nothing", "x", "text");
  assert.deepEqual([dataType, data], [undefined, undefined]);
});

test("failed invocations say why", async (t) => {
  const client = newClient(t, { user: "ana" });
  await started(client);
  for (const [event, name] of [
    ["unhandled", "NotFound"],
    ["fail", "InternalServerError"],
    ["1-is-no-name", "BadRequest"],
  ]) {
    await assert.rejects(client.invokeEvent(event, "x", "text"), (error) => {
      assert.equal(error.errorDetail?.name, name);
      assert.equal(typeof error.errorDetail.message, "string");
      return true;
    });
  }
});

test("a slow invocation delays nobody", async (t) => {
  const client = newClient(t, { user: "ana" });
  await started(client);
  const ended = [];
  const slow = client.invokeEvent("slow", "slow", "text").then(({ data }) => ended.push(data));
  const quick = client.invokeEvent("echo", "quick", "text").then(({ data }) => ended.push(data));
  await client.sendToGroup("room", "x", "text").then(() => ended.push("sent"));
  await Promise.all([slow, quick]);
  assert.deepEqual(ended.toSorted(), ["quick", "sent", "slow"]);
  assert.equal(ended.at(-1), "slow");
});

test("an invocation that was given up is never answered", async (t) => {
  const client = newClient(t, { user: "ana" });
  await started(client);
  const abort = new AbortController();
  const given = { invocationId: "given up", abortSignal: abort.signal };
  const invocation = assert.rejects(client.invokeEvent("slow", "old", "text", given));
  abort.abort();
  await invocation;
  // The same id again: only its own answer may come, although the old one would be first.
  const again = { invocationId: "given up" };
  assert.equal((await client.invokeEvent("slow", "new", "text", again)).data, "new");
});

test("a cut ends invocations and not the connection", async (t) => {
  const client = newProxiedClient(t, { user: "ana" });
  await started(client);
  const invocation = client.invokeEvent("slow", "x", "text", { invocationId: "lost" });
  const rejected = assert.rejects(invocation, { name: "InvocationError", invocationId: "lost" });
  await order("reset");
  await rejected;
  for (;;) {
    // Fails until the library has a transport again.
    const result = await client.invokeEvent("echo", "x", "text").catch(() => undefined);
    if (result) return assert.equal(result.data, "x");
    await sleep(50);
  }
});
