// E62: the unmodified express middleware answers events of every kind of client.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { newClient, started } from "../support.js";
import { calls, nextMessage, openSocket, startApplication } from "./application.js";

/** Server messages in the order of their arrival, one by one. */
function serverMessages(client) {
  const { record, next } = calls();
  client.on("server-message", ({ message }) => record(message));
  return next;
}

/** Answers with what came, as what it came. */
function echo(request, response) {
  const { data, dataType } = request;
  response.success(dataType === "json" ? JSON.stringify(data) : data, dataType);
}

const bytes = Uint8Array.of(0, 1, 254, 255).buffer;

test("every data type comes and goes", async (t) => {
  const events = calls();
  const { url } = await startApplication(t, {
    handleUserEvent(request, response) {
      events.record(request);
      echo(request, response);
    },
  });
  const client = newClient(t, { user: "ana", url });
  const { connectionId } = await started(client);
  const receive = serverMessages(client);
  for (const [data, dataType] of [
    ["text \u{1f600}", "text"],
    [{ a: [1, 2.5, null, true], "b c": "é" }, "json"],
    ["a JSON string", "json"],
    [42, "json"],
    [bytes, "binary"],
  ]) {
    await client.sendEvent("order.new", data, dataType);
    const request = await events.next();
    assert.equal(request.dataType, dataType);
    assert.equal(request.context.eventName, "order.new");
    assert.equal(request.context.connectionId, connectionId);
    assert.equal(request.context.userId, "ana");
    const heard = dataType === "binary" ? new Uint8Array(request.data).buffer : request.data;
    assert.deepEqual(heard, data);
    const message = await receive();
    assert.equal(message.dataType, dataType);
    assert.deepEqual(message.data, data);
  }
});

test("a success without data is only acknowledged", async (t) => {
  const { url } = await startApplication(t, {
    handleUserEvent: (request, response) =>
      request.data === "silent" ? response.success() : echo(request, response),
  });
  const client = newClient(t, { url });
  await started(client);
  const receive = serverMessages(client);
  await client.sendEvent("e", "silent", "text");
  await client.sendEvent("e", "loud", "text");
  assert.equal((await receive()).data, "loud");
});

test("a simple client talks in frames", async (t) => {
  const events = calls();
  const { url } = await startApplication(t, {
    handleUserEvent(request, response) {
      events.record(request);
      echo(request, response);
    },
  });
  const socket = await openSocket(t, { user: "ana", url });
  socket.send("text é");
  assert.equal(await nextMessage(socket), "text é");
  socket.send(Buffer.from(bytes));
  assert.deepEqual(await nextMessage(socket), Buffer.from(bytes));
  for (const dataType of ["text", "binary"]) {
    const { context, ...request } = await events.next();
    assert.equal(request.dataType, dataType);
    assert.equal(context.eventName, "message");
    assert.equal(context.userId, "ana");
  }
});

test("states are kept for the connection", async (t) => {
  const ends = calls();
  const { url } = await startApplication(t, {
    handleConnect(_request, response) {
      response.setState("since", { connect: ["é", 1] });
      response.success();
    },
    handleUserEvent(request, response) {
      const count = (request.context.states.count ?? 0) + 1;
      response.setState("count", count);
      response.success(JSON.stringify(request.context.states), "json");
    },
    onDisconnected: ends.record,
  });
  const client = newClient(t, { url });
  const other = newClient(t, { url });
  await started(client);
  await started(other);
  const since = { connect: ["é", 1] };
  const receive = serverMessages(client);
  for (const count of [1, 2, 3]) {
    await client.sendEvent("e", "x", "text");
    assert.deepEqual((await receive()).data, { since, count });
  }
  other.stop();
  assert.deepEqual((await ends.next()).context.states, { since });
  client.stop();
  assert.deepEqual((await ends.next()).context.states, { since, count: 3 });
});

test("a failing answer is an error for the client", async (t) => {
  const { url } = await startApplication(t, {
    handleUserEvent: (request, response) =>
      request.data === "fail" ? response.fail(500, "broken") : response.success("fine", "text"),
  });
  const client = newClient(t, { url });
  await started(client);
  const receive = serverMessages(client);
  const failed = (error) => error.errorDetail?.name === "InternalServerError";
  await assert.rejects(client.sendEvent("e", "fail", "text"), failed);
  await client.sendEvent("e", "and on", "text");
  assert.equal((await receive()).data, "fine");

  const socket = await openSocket(t, { url });
  socket.send("fail");
  const [code] = await once(socket, "close");
  assert.equal(code, 1011);
});

test("twenty clients of a handler that answers late get their own answers", async (t) => {
  const { url } = await startApplication(t, {
    async handleUserEvent(request, response) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      echo(request, response);
    },
  });
  const clients = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = newClient(t, { url });
      await started(client);
      return { client, receive: serverMessages(client) };
    }),
  );
  await Promise.all(
    clients.map(async ({ client, receive }, number) => {
      for (const round of [1, 2, 3]) {
        await client.sendEvent("e", `${number} ${round}`, "text");
        assert.equal((await receive()).data, `${number} ${round}`);
      }
    }),
  );
});
