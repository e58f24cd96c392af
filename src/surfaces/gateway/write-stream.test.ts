import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { writeStream } from "./write-stream.js";

const closing: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(answer: (response: ServerResponse, path: string) => Promise<void>): Promise<number> {
  const server = createServer((request, response) => {
    response.writeHead(200, ["content-type", "text/event-stream"]);
    void answer(response, request.url ?? "/");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return (server.address() as AddressInfo).port;
}

async function said(port: number, requests: string, until: string): Promise<string> {
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  closing.push(() => socket.destroy());
  let text = "";
  socket.on("data", (data: string) => {
    text += data;
  });
  socket.write(requests);
  await expect.poll(() => text.endsWith(until) || socket.destroyed, { timeout: 5_000 }).toBe(true);
  return text;
}

const bodies = (text: string): string[] =>
  text
    .split("HTTP/1.1 200 OK")
    .slice(1)
    .map((answer) => answer.slice(answer.indexOf("\r\n\r\n") + 4));

async function* words(path: string, pauseMs: number): AsyncGenerator<Uint8Array> {
  for (const word of ["one", "", "two", "x".repeat(300)]) {
    if (pauseMs > 0) await sleep(pauseMs);
    yield Buffer.from(word === "" ? "" : `${path}${word}`);
  }
}

const framed = (path: string): string =>
  ["one", "two", "x".repeat(300)]
    .map((word) => `${(path.length + word.length).toString(16)}\r\n${path}${word}\r\n`)
    .join("")
    .concat("0\r\n\r\n");

test.each([0, 20])("a stream is chunked, an empty piece does not end it, with %d ms between its pieces", async (pauseMs) => {
  const port = await serve((response, path) => writeStream(response, words(path, pauseMs)));
  const text = await said(port, "GET /a HTTP/1.1\r\nhost: a\r\n\r\n", "0\r\n\r\n");
  expect(text).toMatch(/\r\ntransfer-encoding: chunked\r\n/i);
  expect(bodies(text)).toEqual([framed("/a")]);
});

test("answers to requests that were sent ahead come in their order and whole", async () => {
  // The second one is ready long before the first.
  const port = await serve((response, path) => writeStream(response, words(path, path === "/a" ? 50 : 0)));
  const requests = "GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET /b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
  expect(bodies(await said(port, requests, `${"x".repeat(300)}\r\n0\r\n\r\nnever`))).toEqual([framed("/a"), framed("/b")]);
});

test("to HTTP/1.0, which knows no chunks, a stream ends with its connection", async () => {
  const port = await serve((response, path) => writeStream(response, words(path, 0)));
  const text = await said(port, "GET /a HTTP/1.0\r\n\r\n", "never");
  expect(text.slice(text.indexOf("\r\n\r\n") + 4)).toBe(`/aone/atwo/a${"x".repeat(300)}`);
});

test("a reader that stands still makes the stream wait, and one that leaves ends it", async () => {
  let taken = 0;
  let ended = false;
  async function* flood(): AsyncGenerator<Uint8Array> {
    try {
      for (; taken < 4_096; taken++) yield Buffer.alloc(65_536);
    } finally {
      ended = true;
    }
  }
  const port = await serve((response) => writeStream(response, flood()));
  const socket = connect(port, "127.0.0.1");
  closing.push(() => socket.destroy());
  socket.pause().write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await sleep(300);
  expect(taken).toBeGreaterThan(0);
  expect(taken * 65_536).toBeLessThan(32 * 1_048_576);
  socket.destroy();
  await expect.poll(() => ended).toBe(true);
});
