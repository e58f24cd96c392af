import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { UpstreamFailure, type UpstreamReply, type UpstreamRequest } from "../call/needs.js";
import { type HttpLimits, type HttpUpstream, openHttpUpstream, readBaseUrl } from "./http.js";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serveRaw(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on("error", () => socket.destroy());
    onSocket(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function open(base_url: string, limits: Partial<HttpLimits> = {}): HttpUpstream {
  const upstream = openHttpUpstream({
    name: "under-test",
    base_url,
    authorize: (headers) => {
      headers.authorization = "Bearer secret";
    },
    pathOf: ({ model, query }) => `${model}${query === "" ? "" : `?${query}`}`,
    headers_allowed: () => true,
    unbilled: () => false,
    limits,
  });
  closing.push(() => upstream.close());
  return upstream;
}

const request: UpstreamRequest = {
  dialect: "openai-chat",
  model: "/chat/completions",
  query: "",
  body: Buffer.from('{"a":1}'),
  headers: {},
  credentials: {},
  stream: false,
  framing: "sse",
};
const never = new AbortController().signal;

async function textOf(reply: UpstreamReply): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reply.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function kindOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof UpstreamFailure) return error.kind;
    throw error;
  }
  return "none";
}

const whole = async (upstream: HttpUpstream, signal = never): Promise<string> => textOf(await upstream.send(request, signal));

test("the body goes out byte for byte, below the base path, with the credential and nothing it was not given", async () => {
  let got: IncomingMessage | null = null;
  let body = "";
  const url = await serve(async (incoming, response) => {
    got = incoming;
    for await (const chunk of incoming) body += chunk;
    response.end("{}");
  });
  const upstream = open(`${url}/v1/`);
  await textOf(await upstream.send({ ...request, query: "beta=true", headers: { "anthropic-beta": "x" } }, never));
  const seen = got as unknown as IncomingMessage;
  expect([seen.method, seen.url, body]).toEqual(["POST", "/v1/chat/completions?beta=true", '{"a":1}']);
  expect(seen.headers).toMatchObject({ authorization: "Bearer secret", "accept-encoding": "identity", "anthropic-beta": "x" });
  expect(Object.keys(seen.headers).sort()).toEqual([
    "accept",
    "accept-encoding",
    "anthropic-beta",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
  ]);
  await textOf(await upstream.send({ ...request, model: "/messages" }, never));
  expect((got as unknown as IncomingMessage).url).toBe("/v1/messages");
});

test("only headers on the list come back", async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, {
      "content-type": "application/json",
      "x-request-id": "req_1",
      "anthropic-ratelimit-requests-remaining": "9",
      "openai-processing-ms": "12",
      "retry-after": "3",
      "set-cookie": "a=b",
      "x-secret": "no",
      server: "x",
    });
    response.end("{}");
  });
  const reply = await open(url).send(request, never);
  expect(Object.keys(reply.headers).sort()).toEqual([
    "anthropic-ratelimit-requests-remaining",
    "content-type",
    "openai-processing-ms",
    "retry-after",
    "x-request-id",
  ]);
  await textOf(reply);
});

test("a redirect is an answer like any other and is not followed", async () => {
  let calls = 0;
  const url = await serve((_, response) => {
    calls += 1;
    response.writeHead(302, { location: "/elsewhere" }).end("moved");
  });
  const reply = await open(url).send(request, never);
  expect([reply.status, await textOf(reply), calls]).toEqual([302, "moved", 1]);
});

test("a refused port, an unknown name, and a handshake that never ends prove that nothing was sent", async () => {
  const url = await serveRaw(() => undefined);
  expect(await kindOf(whole(open("http://127.0.0.1:1")))).toBe("connect");
  expect(await kindOf(whole(open("http://does-not-exist.invalid")))).toBe("connect");
  expect(await kindOf(whole(open(url.replace("http:", "https:"), { connect_ms: 300 })))).toBe("connect");
});

test("TLS is verified whatever the environment says", async () => {
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  try {
    const { key, cert } = await import("./__fixtures__/self-signed.js");
    const { createServer: createTlsServer } = await import("node:https");
    let calls = 0;
    const server = createTlsServer({ key, cert }, (_, response) => {
      calls += 1;
      response.end("{}");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(() => server.close());
    expect(await kindOf(whole(open(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)))).toBe("connect");
    expect(calls).toBe(0);
  } finally {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  }
});

test("a connection that breaks after the request was written is a reset, also on a used connection", async () => {
  let connections = 0;
  const url = await serveRaw((socket) => {
    connections += 1;
    let got = "";
    socket.on("data", (data) => {
      got += data.toString();
      const requests = got.split('{"a":1}').length - 1;
      if (requests === 2) socket.destroy();
      else if (got.endsWith('{"a":1}')) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    });
  });
  const upstream = open(url, { connections_max: 1 });
  expect(await whole(upstream)).toBe("{}");
  expect(await kindOf(whole(upstream))).toBe("reset");
  expect(connections).toBe(1);
});

test("a body that breaks off throws what it had not delivered", async () => {
  const url = await serveRaw((socket) => {
    socket.on("data", () => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"));
  });
  const reply = await open(url).send(request, never);
  expect(await kindOf(textOf(reply))).toBe("reset");
});

test("no head in time and a stalled body are timeouts", async () => {
  const silent = await serve(() => undefined);
  expect(await kindOf(whole(open(silent, { first_byte_ms: 300 })))).toBe("timeout");
  const stalled = await serve((_, response) => {
    response.write("a");
  });
  expect(await kindOf(whole(open(stalled, { idle_ms: 300 })))).toBe("timeout");
});

test("what is no HTTP is invalid", async () => {
  const url = await serveRaw((socket) => {
    socket.on("data", () => socket.end("SSH-2.0-OpenSSH_9.6\r\n"));
  });
  expect(await kindOf(whole(open(url)))).toBe("invalid");
});

test("aborting closes the connection at once, before the head and in the middle of the body", async () => {
  const closed: string[] = [];
  const url = await serve((incoming, response) => {
    response.on("close", () => closed.push(incoming.url ?? ""));
    if (incoming.url === "/body") response.write("a");
  });
  const upstream = open(url);
  const early = new AbortController();
  const head = kindOf(upstream.send({ ...request, model: "/head" }, early.signal));
  await sleep(50);
  early.abort();
  expect(await head).toBe("aborted");
  const late = new AbortController();
  const reply = await upstream.send({ ...request, model: "/body" }, late.signal);
  const body = kindOf(textOf(reply));
  await sleep(50);
  late.abort();
  expect(await body).toBe("aborted");
  await sleep(50);
  expect(closed).toEqual(["/head", "/body"]);
  expect(await kindOf(upstream.send(request, AbortSignal.abort()))).toBe("connect");
});

test("leaving the body closes the connection", async () => {
  let closed = false;
  const url = await serve((_, response) => {
    response.on("close", () => {
      closed = true;
    });
    response.write("a");
  });
  const reply = await open(url).send(request, never);
  for await (const _ of reply.body) break;
  await sleep(50);
  expect(closed).toBe(true);
});

test("a reader that stands still makes the provider wait", async () => {
  let written = 0;
  const url = await serve(async (_, response) => {
    const chunk = Buffer.alloc(65_536);
    for (let i = 0; i < 2000 && !response.destroyed; i++) {
      written += chunk.byteLength;
      if (!response.write(chunk)) await once(response, "drain").catch(() => undefined);
    }
    response.end();
  });
  const stop = new AbortController();
  const reply = await open(url).send(request, stop.signal);
  const iterator = reply.body[Symbol.asyncIterator]();
  await iterator.next();
  await sleep(300);
  expect(written).toBeLessThan(32 * 1_048_576);
  stop.abort();
  await sleep(20);
});

test("a compressed reply is unpacked within bounds, a bomb and broken data are invalid", async () => {
  const bodies: Record<string, readonly [string, Buffer]> = {
    "/ok": ["gzip", gzipSync('{"fine":true}')],
    "/bomb": ["gzip", gzipSync(Buffer.alloc(20 * 1_048_576))],
    "/cut": ["gzip", gzipSync("x".repeat(1000)).subarray(0, 15)],
    "/odd": ["zstd", Buffer.from("abc")],
  };
  const url = await serve((incoming, response) => {
    const [encoding, bytes] = bodies[incoming.url ?? ""] as readonly [string, Buffer];
    response.writeHead(200, { "content-encoding": encoding, "content-length": bytes.length }).end(bytes);
  });
  const upstream = open(url, { inflated_bytes_max: 1_048_576 });
  const get = async (model: string): Promise<string> => textOf(await upstream.send({ ...request, model }, never));
  expect(await get("/ok")).toBe('{"fine":true}');
  for (const path of ["/bomb", "/cut", "/odd"]) expect(await kindOf(get(path)), path).toBe("invalid");
});

test("a base URL is http or https and carries nothing else", () => {
  expect(readBaseUrl("https://api.openai.com/v1/")).toEqual({ origin: "https://api.openai.com", path: "/v1" });
  for (const bad of ["ftp://a", "a.b", "https://u:p@a", "https://a/?key=1"])
    expect(() => readBaseUrl(bad), bad).toThrow(RangeError);
});
