// An application as the library's documentation writes it: express with the event handler's
// middleware. Each has a corecast of its own, which the Rust side starts with the configuration
// that is sent over the control connection; the answer is its address.

import { once } from "node:events";
import { connect } from "node:net";
import { WebPubSubEventHandler } from "@azure/web-pubsub-express";
import express from "express";
import WebSocket from "ws";
import { accessUrl } from "../support.js";

async function startCorecast(configuration) {
  const socket = connect(Number(process.env.CORECAST_CONTROL), "127.0.0.1");
  socket.setEncoding("utf8");
  socket.write(`${JSON.stringify(configuration)}\n`);
  const [address] = await once(socket, "data");
  socket.end();
  return address.trim();
}

const SYSTEM_EVENTS = ["connect", "connected", "disconnected"];

/**
 * Starts an application with these options of the middleware, and a corecast that sends it
 * everything. `options` may be a function of corecast's endpoint. The result has corecast's
 * address for clients as `url`, and every request to the application, by its event, in `seen`.
 */
export async function startApplication(t, options, settings = {}) {
  const app = express();
  const listener = app.listen(0, "127.0.0.1");
  t.after(() => listener.close());
  await once(listener, "listening");
  const { port } = listener.address();
  const handler = {
    urlTemplate: `http://127.0.0.1:${port}/eventhandler/{event}`,
    userEventPattern: "*",
    systemEvents: SYSTEM_EVENTS,
    ...settings,
  };
  const url = await startCorecast({
    eventAttempts: 1,
    hubs: { chat: { anonymousConnectPolicy: "allow", eventHandlers: [handler] } },
  });
  const endpoint = url.replace("ws:", "http:");
  const seen = [];
  app.use((request, _response, next) => {
    seen.push(request.method === "OPTIONS" ? "validate" : request.headers["ce-eventname"]);
    next();
  });
  const written = typeof options === "function" ? options(endpoint) : options;
  const middleware = new WebPubSubEventHandler("chat", { path: "/eventhandler", ...written });
  app.use(middleware.getMiddleware());
  return { url, seen };
}

/** A function for the middleware's options, and the promises of its calls, one after the other. */
export function calls() {
  const arrived = [];
  const waiting = [];
  const record = (request) => {
    const resolve = waiting.shift();
    if (resolve) resolve(request);
    else arrived.push(request);
  };
  const next = async () =>
    arrived.length > 0 ? arrived.shift() : new Promise((resolve) => waiting.push(resolve));
  return { record, next };
}

/** An open WebSocket without any library of the service around it. */
export async function openSocket(t, identity, subprotocols = []) {
  const socket = new WebSocket(accessUrl(identity), subprotocols);
  t.after(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

/** How a WebSocket is refused: status, body and content type. */
export async function refusal(identity) {
  const socket = new WebSocket(accessUrl(identity));
  const [, response] = await once(socket, "unexpected-response");
  let body = "";
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body };
}

/** The next message of a WebSocket: text as a string, binary as a Buffer. */
export async function nextMessage(socket) {
  const [data, isBinary] = await once(socket, "message");
  return isBinary ? data : data.toString();
}
