// What the scripts share: URLs with tokens as an application's server would hand them out,
// clients that are stopped at the end of their test, and waiting for events.

import { createHmac } from "node:crypto";
import { WebPubSubClient, WebPubSubJsonProtocol } from "@azure/web-pubsub-client";

const { CORECAST_URL, CORECAST_KEY: key } = process.env;

export const EVERYTHING = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A client access URL for the hub `chat`. */
export function accessUrl({ user, roles = [], groups = [], url = CORECAST_URL } = {}) {
  const claims = {
    aud: `${url.replace("ws:", "http:")}/client/hubs/chat`,
    exp: Math.floor(Date.now() / 1000) + 600,
    sub: user,
    role: roles,
    "webpubsub.group": groups,
  };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  const signature = createHmac("sha256", key).update(signed).digest("base64url");
  return `${url}/client/hubs/chat?access_token=${signed}.${signature}`;
}

/** A client with the plain JSON subprotocol that does not repeat failed requests. */
export function newClient(test, identity, options = {}) {
  const credential = { getClientAccessUrl: async () => accessUrl(identity) };
  const client = new WebPubSubClient(credential, {
    protocol: WebPubSubJsonProtocol(),
    autoReconnect: false,
    messageRetryOptions: { maxRetries: 0 },
    ...options,
  });
  test.after(() => client.stop());
  return client;
}

/** Starts a client and waits for its `connected` event. */
export async function started(client) {
  const connected = next(client, "connected");
  await client.start();
  return connected;
}

/** The next event of this kind. */
export function next(client, event) {
  return new Promise((resolve) => {
    const listener = (args) => {
      client.off(event, listener);
      resolve(args);
    };
    client.on(event, listener);
  });
}

/** Group messages in the order of their arrival, one by one. */
export function groupMessages(client) {
  const arrived = [];
  const waiting = [];
  client.on("group-message", ({ message }) => {
    const resolve = waiting.shift();
    if (resolve) resolve(message);
    else arrived.push(message);
  });
  return async () =>
    arrived.length > 0 ? arrived.shift() : new Promise((resolve) => waiting.push(resolve));
}

/** The shard that owns a connection: the first two bytes of its id. */
export const shardOf = (connectionId) => Buffer.from(connectionId, "base64url").readUInt16BE();
