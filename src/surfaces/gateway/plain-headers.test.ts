import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, test } from "vitest";
import { plainHeaders } from "./plain-headers.js";

const SENT = [
  "Host: a",
  "Authorization: Bearer one",
  "X-Api-Key: one",
  "Cookie: a=b",
  "X-Bursar-Agent: Jos\u00e9",
  "x-bursar-tags: a=b",
  "X-Bursar-Tags: c=d",
  "constructor: x",
  "empty:",
  "Connection: close",
];

test("headers go on without credentials, with names as UTF-8, those that came twice joined", async () => {
  let plain: Record<string, string> = {};
  const server = createServer((request, response) => {
    plain = plainHeaders(request.headers);
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.write(`GET / HTTP/1.1\r\n${SENT.join("\r\n")}\r\n\r\n`);
  await once(socket.resume(), "close");
  server.close();
  expect(plain).toEqual({
    host: "a",
    "x-bursar-agent": "Jos\u00e9",
    "x-bursar-tags": "a=b, c=d",
    constructor: "x",
    empty: "",
    connection: "close",
  });
});
