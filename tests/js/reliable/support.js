// Clients as the library makes them when it is told nothing: with the reliable JSON subprotocol.
// Directly or through a proxy that does damage on command.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { WebPubSubClient } from "@azure/web-pubsub-client";
import { accessUrl, EVERYTHING, sign } from "../common.js";

const { CORECAST_URL: direct, CORECAST_PROXY_URL: proxy, CORECAST_CONTROL: control } = process.env;

/** Everything that can happen to a connection and that a client has to come back from. */
export const CUTS = ["reset", "finish", "half-close-to-server", "half-close-to-client"];

/**
 * A client that may do everything, with the library's defaults but for these: a lost connection is
 * the end, groups are not joined again, and failed requests are not repeated.
 */
export function newClient(test, identity, options = {}, address = direct) {
  const client = new WebPubSubClient(accessUrl({ roles: EVERYTHING, ...identity }, address), {
    autoReconnect: false,
    autoRejoinGroups: false,
    messageRetryOptions: { maxRetries: 0 },
    ...options,
  });
  test.after(() => client.stop());
  return client;
}

/** A client whose connection goes through the proxy and must not be lost. */
export function newProxiedClient(test, identity, options) {
  const client = newClient(test, identity, options, proxy);
  let isOver = false;
  test.after(() => (isOver = true));
  client.on("disconnected", () => {
    if (!isOver) assert.fail("the connection was lost for good");
  });
  return client;
}

/** Has the proxy do something, and waits until it has. */
export async function order(what) {
  const socket = connect(Number(control), "127.0.0.1");
  socket.setEncoding("utf8");
  socket.write(`${what}\n`);
  const [answer] = await once(socket, "data");
  assert.equal(answer, "done\n");
  socket.end();
}

/** Whether the server knows this connection. */
export async function connectionExists(id) {
  const path = `/api/hubs/chat/connections/${id}?api-version=2024-12-01`;
  const url = direct.replace("ws:", "http:") + path;
  const headers = { Authorization: `Bearer ${sign({ aud: url })}` };
  const { status } = await fetch(url, { method: "HEAD", headers });
  return status === 200;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
