import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, test } from "vitest";
import { readHeaders } from "./request-headers.js";

const SENT = [
  "Host: a",
  "Authorization: Bearer one",
  "authorization: Bearer two",
  "X-Api-Key: one",
  "x-api-key: two",
  "Cookie: a=b",
  "cookie: c=d",
  "User-Agent: first",
  "user-agent: second",
  "X-Bursar-Agent: Jos\u00e9",
  "x-bursar-tags: a=b",
  "X-Bursar-Tags: c=d",
  "constructor: x",
  "toString: y",
  "empty:",
];

test("headers read as node reads them into its object, with credentials apart and names as UTF-8", async () => {
  let raw: string[] = [];
  let node: Record<string, unknown> = {};
  const server = createServer((request, response) => {
    raw = request.rawHeaders;
    node = { ...request.headers };
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.end(`GET / HTTP/1.1\r\n${SENT.join("\r\n")}\r\n\r\n`);
  await once(socket.resume(), "close");
  server.close();
  const { all, plain } = readHeaders(raw);
  expect(all).toEqual(node);
  expect([all.authorization, all["x-api-key"], all["user-agent"]]).toEqual(["Bearer one", "one, two", "first"]);
  const secrets = ["authorization", "x-api-key", "cookie"];
  expect(plain).toEqual({
    ...Object.fromEntries(Object.entries(node).filter(([name]) => !secrets.includes(name))),
    "x-bursar-agent": "Jos\u00e9",
  });
});
