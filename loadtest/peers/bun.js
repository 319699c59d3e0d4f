// The peer `bun`: Bun's own server, ServerWebSocket and its topics.
//
// Speaks as much of json.webpubsub.azure.v1 as the generator does: greeting, joinGroup with its
// ack, sendToGroup. No tokens, permissions or limits. A delivery is encoded once for each publish;
// from there on it is Bun's, which keeps the topics in native code and joins what one turn of its
// loop sends to a socket into one write.

const SUBPROTOCOL = "json.webpubsub.azure.v1";

let connections = 0;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    // Bun selects no subprotocol by itself.
    const offered = request.headers.get("Sec-WebSocket-Protocol");
    const isJson = offered?.split(/\s*,\s*/).includes(SUBPROTOCOL) ?? false;
    const headers = isJson ? { "Sec-WebSocket-Protocol": SUBPROTOCOL } : undefined;
    connections += 1;
    if (server.upgrade(request, { headers, data: { id: String(connections), isJson } })) return;
    return new Response("this server speaks WebSocket only\n", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    // Beyond backpressureLimit (16 MiB unless told) Bun drops messages and leaves the connection
    // open: of 100 MB published to a socket that did not read, 79 MB were gone. A receiver that far
    // behind is closed instead, which the generator counts. The minimal writer does the same at the
    // same number of bytes.
    backpressureLimit: 64 * 1024 * 1024,
    closeOnBackpressureLimit: true,
    // Of a message from a client; Bun's own is 16 MiB. The same as the generator's largest.
    maxPayloadLength: 1024 * 1024 + 64 * 1024,
    // Bun pings by itself, in time for the answer to come before this many seconds without one.
    idleTimeout: 120,
    sendPings: true,
    open(socket) {
      const { id, isJson } = socket.data;
      if (!isJson) return;
      const greeting = { type: "system", event: "connected", userId: null, connectionId: id };
      socket.send(JSON.stringify(greeting));
    },
    message(socket, text) {
      const message = JSON.parse(text);
      if (message.type === "sendToGroup") {
        const { group, dataType, data } = message;
        const delivery = JSON.stringify({ type: "message", from: "group", group, dataType, data });
        // A socket's publish leaves out that socket, the server's leaves out nobody.
        (message.noEcho ? socket : server).publish(group, delivery);
      } else if (message.type === "joinGroup") {
        socket.subscribe(message.group);
        socket.send(JSON.stringify({ type: "ack", ackId: message.ackId, success: true }));
      }
    },
  },
});

console.log(`listening ${server.hostname}:${server.port} Bun ${Bun.version}`);
