// What the scripts share that needs no library: URLs with tokens as an application's server would
// hand them out, and waiting for events.

import { createHmac } from "node:crypto";

const { CORECAST_URL: url, CORECAST_KEY: key } = process.env;

export const EVERYTHING = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token with these claims that is valid for ten minutes. */
export function sign(claims) {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ ...claims, exp })}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** A client access URL for the hub `chat` of a server, by another address if there is one. */
export function accessUrl({ user, roles = [], groups = [], url: server = url } = {}, address = server) {
  const token = sign({
    aud: `${server.replace("ws:", "http:")}/client/hubs/chat`,
    sub: user,
    role: roles,
    "webpubsub.group": groups,
  });
  return `${address}/client/hubs/chat?access_token=${token}`;
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

/** Messages of groups in the order of their arrival, one by one. */
export const groupMessages = (client) => messages(client, "group-message");

/** Messages of this kind of event in the order of their arrival, one by one. */
export function messages(client, event) {
  const arrived = [];
  const waiting = [];
  client.on(event, ({ message }) => {
    const resolve = waiting.shift();
    if (resolve) resolve(message);
    else arrived.push(message);
  });
  return async () =>
    arrived.length > 0 ? arrived.shift() : new Promise((resolve) => waiting.push(resolve));
}

/** The shard that owns a connection: the first two bytes of its id. */
export const shardOf = (connectionId) => Buffer.from(connectionId, "base64url").readUInt16BE();
