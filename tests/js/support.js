// Clients with the plain JSON subprotocol that are stopped at the end of their test.

import { WebPubSubClient, WebPubSubJsonProtocol } from "@azure/web-pubsub-client";
import { accessUrl } from "./common.js";

export * from "./common.js";

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
