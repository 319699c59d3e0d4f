// What the tests of the service library share: a hub of its own for every test, and plain
// WebSocket clients of every kind on the shard the test wants.

import { WebPubSubServiceClient } from "@azure/web-pubsub";
import WebSocket from "ws";
import { EVERYTHING, shardOf } from "./support.js";

const { hostname, port } = new URL(process.env.CORECAST_URL);
const key = process.env.CORECAST_KEY;

/** The two forms of a connection string (operations.md, section 6.1). */
export const withPort = `Endpoint=http://${hostname};AccessKey=${key};Version=1.0;Port=${port};`;
export const withoutPort = `Endpoint=http://${hostname}:${port};AccessKey=${key};Version=1.0;`;

let hubs = 0;

/** The library for a hub; it refuses plain HTTP unless it is told. */
export const serviceOf = (connectionString, hub) =>
  new WebPubSubServiceClient(connectionString, hub, { allowInsecureConnection: true });

/** The library for a hub that no other test uses. */
export const newService = () => serviceOf(withPort, `hub_${process.pid}_${++hubs}`);

/** A connected client that hands out what it received, in order. */
class Peer {
  #arrived = [];
  #waiting = [];

  constructor(socket) {
    this.socket = socket;
    socket.on("message", (data, isBinary) => this.#take(isBinary ? data : data.toString()));
    socket.on("close", (code, reason) => this.#take({ code, reason: reason.toString() }));
    socket.on("error", (error) => this.#take(error));
  }

  #take(item) {
    const resolve = this.#waiting.shift();
    if (resolve) resolve(item);
    else this.#arrived.push(item);
  }

  /** Text as a string, binary as a Buffer, the end as its code and reason. */
  async next() {
    return this.#arrived.length > 0
      ? this.#arrived.shift()
      : new Promise((resolve) => this.#waiting.push(resolve));
  }

  async json() {
    return JSON.parse(await this.next());
  }

  /** Asks for something by an envelope; the answer has to come next. */
  async ask(request) {
    this.socket.send(JSON.stringify({ ackId: (this.lastAck = (this.lastAck ?? 0) + 1), ...request }));
    return this.json();
  }
}

function open(t, url, kind) {
  const socket = new WebSocket(kind.query ? `${url}&${kind.query}` : url, kind.subprotocols ?? []);
  t.after(() => socket.terminate());
  const peer = new Peer(socket);
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(peer));
    socket.once("error", reject);
  });
}

/** Every kind of client that has no state to recover. */
export const KINDS = {
  json: { subprotocols: ["json.webpubsub.azure.v1"] },
  simple: {},
  publisher: { query: "webpubsub_mode=sendToGroup&group=published" },
};

let markers = 0;

/**
 * A client with an access URL of the service library, on this shard. Simple clients are not told
 * their id: it is found by a group that only they are in.
 */
export async function connect(t, service, name, { shard, identity = {} } = {}) {
  for (;;) {
    const mark = `mark-${++markers}`;
    const { url } = await service.getClientAccessToken({
      roles: EVERYTHING,
      ...identity,
      groups: [...(identity.groups ?? []), mark],
    });
    const peer = await open(t, url, KINDS[name]);
    if (KINDS[name].subprotocols) {
      const connected = await peer.json();
      peer.id = connected.connectionId;
      peer.userId = connected.userId;
    } else {
      const members = await service.group(mark).listConnections();
      for await (const { connectionId } of members) peer.id = connectionId;
    }
    await service.group(mark).removeConnection(peer.id);
    if (shard === undefined || shardOf(peer.id) === shard) {
      peer.hasEnvelope = name === "json";
      return peer;
    }
    await service.closeConnection(peer.id);
  }
}

/** One client of every kind on each of the two shards; users are named `json0`, `simple1`, ... */
export async function everyKind(t, service, groups = []) {
  const peers = [];
  for (const name of Object.keys(KINDS)) {
    for (const shard of [0, 1]) {
      const identity = { userId: `${name}${shard}`, groups };
      const peer = await connect(t, service, name, { shard, identity });
      peers.push(Object.assign(peer, { name: identity.userId }));
    }
  }
  return peers;
}

/** The status that the library saw, beside its result. */
export async function statusOf(call) {
  let status;
  await call({ onResponse: (response) => (status = response.status) });
  return status;
}
