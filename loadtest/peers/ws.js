// The peer `ws`: the library ws on Node, and the loop over members that its README has.
//
// Speaks as much of json.webpubsub.azure.v1 as the generator does: greeting, joinGroup with its
// ack, sendToGroup. No tokens, permissions or limits. A delivery is encoded once for each publish,
// into bytes: a string would be measured and encoded again for each receiver.

import { readFileSync } from "node:fs";
import { WebSocketServer, WebSocket } from "ws";

const SUBPROTOCOL = "json.webpubsub.azure.v1";

// What a receiver may owe before it is closed, which the generator counts: ws itself queues
// without end. The minimal writer does the same at the same number of bytes.
const BUFFERED_BYTES_MAX = 64 * 1024 * 1024;

const groups = new Map();
let connections = 0;

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: false,
  // The set of all clients is kept for those who ask for it; the groups are enough here.
  clientTracking: false,
  // Of a message from a client; 100 MiB in ws. The same as the generator's largest.
  maxPayload: 1024 * 1024 + 64 * 1024,
  handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
});

server.on("connection", (socket) => {
  connections += 1;
  const joined = new Set();
  socket.on("message", (text) => onMessage(socket, joined, JSON.parse(text)));
  socket.on("close", () => joined.forEach((group) => groups.get(group)?.delete(socket)));
  socket.on("error", () => socket.terminate());
  if (socket.protocol !== SUBPROTOCOL) return;
  const connectionId = String(connections);
  send(socket, { type: "system", event: "connected", userId: null, connectionId });
});

function onMessage(socket, joined, message) {
  if (message.type === "sendToGroup") {
    const { group, dataType, data } = message;
    const delivery = { type: "message", from: "group", group, dataType, data };
    publish(group, Buffer.from(JSON.stringify(delivery)), message.noEcho ? socket : null);
  } else if (message.type === "joinGroup") {
    if (!groups.has(message.group)) groups.set(message.group, new Set());
    groups.get(message.group).add(socket);
    joined.add(message.group);
    send(socket, { type: "ack", ackId: message.ackId, success: true });
  }
}

// Each send is a write of its own: ws corks the header and the payload of one frame together, and
// not the frames of a turn.
function publish(group, delivery, except) {
  for (const member of groups.get(group) ?? []) {
    if (member === except || member.readyState !== WebSocket.OPEN) continue;
    if (member.bufferedAmount > BUFFERED_BYTES_MAX) member.terminate();
    else member.send(delivery, { binary: false });
  }
}

function send(socket, message) {
  socket.send(JSON.stringify(message));
}

server.on("listening", () => {
  const { address, port } = server.address();
  const file = new URL("node_modules/ws/package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(file));
  console.log(`listening ${address}:${port} ws ${version} on Node ${process.versions.node}`);
});
