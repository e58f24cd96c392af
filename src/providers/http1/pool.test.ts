import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext, createServer as createTlsServer, type TLSSocket } from "node:tls";
import fc from "fast-check";
import { Agent, request as undiciRequest } from "undici";
import { afterEach, describe, expect, test } from "vitest";
import type { UpstreamFailure } from "../../call/needs.js";
import { cert, key } from "../__fixtures__/self-signed.js";
import type { Exchange } from "./connection.js";
import { openPool, type Pool, type PoolLimits } from "./pool.js";
import type { ReplyHead } from "./reply-head.js";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const LIMITS: PoolLimits = {
  connect_ms: 5_000,
  first_byte_ms: 5_000,
  idle_ms: 5_000,
  keep_alive_ms: 5_000,
  connections_max: null,
};

interface Provider {
  readonly url: string;
  readonly sockets: Socket[];
}

async function listen(server: Server, scheme: string): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Calls `answer` for every request that has come whole; requests end with the letter E. */
async function serve(answer: (socket: Socket, number: number) => void): Promise<Provider> {
  const sockets: Socket[] = [];
  let number = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (data) => {
      if (data.at(-1) === 69) answer(socket, ++number);
    });
  });
  const url = await listen(server, "http");
  closing.push(() => sockets.forEach((socket) => void socket.destroy()));
  return { url, sockets };
}

function open(url: string, limits: Partial<PoolLimits> = {}): Pool {
  const pool = openPool(url, { ...LIMITS, ...limits });
  closing.push(() => pool.close());
  return pool;
}

interface Reply {
  readonly head: ReplyHead | null;
  readonly body: string;
  readonly failure: UpstreamFailure | null;
}

function exchangeFor(payload: string, done: (reply: Reply) => void): Exchange {
  let head: ReplyHead | null = null;
  let body = "";
  return {
    request: `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${payload.length}\r\n\r\n`,
    payload: Buffer.from(payload),
    connection: null,
    sent: false,
    head: (read) => {
      head = read;
    },
    body: (piece) => {
      body += Buffer.from(piece).toString("latin1");
    },
    end: () => done({ head, body, failure: null }),
    fail: (failure) => done({ head, body, failure }),
  };
}

function ask(pool: Pool, payload = "askE"): Promise<Reply> {
  return new Promise((resolve) => pool.send(exchangeFor(payload, resolve)));
}

const hello = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const bodyOf = async (reply: Promise<Reply>): Promise<string> => {
  const { body, failure } = await reply;
  return failure === null ? body : `${failure.kind} after ${JSON.stringify(body)}`;
};

describe("a connection", () => {
  test("serves one request after the other, and as many as are asked at the same time have one each", async () => {
    const provider = await serve((socket) => socket.write(hello));
    const pool = open(provider.url);
    for (let n = 0; n < 3; n++) expect(await bodyOf(ask(pool))).toBe("hello");
    expect(provider.sockets.length).toBe(1);
    expect(await Promise.all([1, 2, 3].map(() => bodyOf(ask(pool))))).toEqual(["hello", "hello", "hello"]);
    expect(provider.sockets.length).toBe(3);
  });

  test.each([
    ["something came behind the reply", `${hello}HTTP/1.1 200 OK\r\n`],
    ["the server closes it", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"],
    ["the server keeps it for no time", "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 5\r\n\r\nhello"],
    ["it was HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello"],
  ])("is not used again when %s", async (_, bytes) => {
    const provider = await serve((socket) => socket.write(bytes));
    const pool = open(provider.url);
    expect([await bodyOf(ask(pool)), await bodyOf(ask(pool))]).toEqual(["hello", "hello"]);
    expect(provider.sockets.length).toBe(2);
    await expect.poll(() => provider.sockets.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
  });

  test("that speaks unasked, or was closed, is not written to", async () => {
    const provider = await serve((socket) => socket.write(hello));
    const pool = open(provider.url);
    await ask(pool);
    provider.sockets[0]?.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged");
    await expect.poll(() => provider.sockets[0]?.readableEnded === true || provider.sockets[0]?.destroyed).toBe(true);
    expect(await bodyOf(ask(pool))).toBe("hello");
    provider.sockets[1]?.end();
    await sleep(50);
    expect(await bodyOf(ask(pool))).toBe("hello");
    expect(provider.sockets.length).toBe(3);
  });

  test("is closed once it was idle for its time, by our word or by the server's less a second", async () => {
    for (const [limits, keep] of [
      [{ keep_alive_ms: 200 }, ""],
      [{ keep_alive_ms: 60_000 }, "keep-alive: timeout=2\r\n"],
    ] as const) {
      const provider = await serve((socket) => socket.write(`HTTP/1.1 200 OK\r\n${keep}content-length: 5\r\n\r\nhello`));
      const pool = open(provider.url, limits);
      await ask(pool);
      const since = performance.now();
      await once(provider.sockets[0] as Socket, "close");
      expect(performance.now() - since).toBeLessThan(2_500);
      expect(await bodyOf(ask(pool))).toBe("hello");
      expect(provider.sockets.length).toBe(2);
    }
  });

  test("that is answered before its request is written serves nobody else", async () => {
    const provider = await serve(() => undefined);
    const pool = open(provider.url, { connections_max: 1 });
    let ended = 0;
    const big = ask(pool, "x".repeat(32 * 1_048_576)).then((reply) => {
      ended++;
      return reply;
    });
    await expect.poll(() => provider.sockets.length).toBe(1);
    provider.sockets[0]?.pause();
    provider.sockets[0]?.write("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno");
    expect([(await big).head?.status, (await big).body, ended]).toEqual([413, "no", 1]);
    const next = ask(pool);
    await expect.poll(() => provider.sockets.length).toBe(2);
    provider.sockets[1]?.write(hello);
    expect(await bodyOf(next)).toBe("hello");
  });
});

describe("a connection's end", () => {
  test("in an orderly way ends a body without a length, and breaks one with it", async () => {
    const provider = await serve((socket, number) =>
      socket.end(number === 1 ? "HTTP/1.1 200 OK\r\n\r\nall of it" : "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf"),
    );
    const pool = open(provider.url);
    expect(await bodyOf(ask(pool))).toBe("all of it");
    expect(await bodyOf(ask(pool))).toBe('reset after "half"');
  });

  test("by a reset breaks a body without a length, too", async () => {
    const provider = await serve((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\npart");
      setTimeout(() => socket.resetAndDestroy(), 50);
    });
    expect(await bodyOf(ask(open(provider.url)))).toBe('reset after "part"');
  });
});

describe("more requests than connections", () => {
  test("wait their turn in order, and one that is taken back was never sent", async () => {
    const answered: (() => void)[] = [];
    const provider = await serve((socket) => answered.push(() => socket.write(hello)));
    const pool = open(provider.url, { connections_max: 1 });
    const ended: string[] = [];
    const send = (name: string): Exchange => {
      const exchange = exchangeFor(`${name}E`, (reply) => ended.push(`${name}: ${reply.failure?.kind ?? reply.body}`));
      pool.send(exchange);
      return exchange;
    };
    send("first");
    const second = send("second");
    send("third");
    await expect.poll(() => answered.length).toBe(1);
    pool.withdraw(second);
    expect(second.sent).toBe(false);
    answered.shift()?.();
    await expect.poll(() => answered.length).toBe(1);
    answered.shift()?.();
    await expect.poll(() => ended).toEqual(["first: hello", "third: hello"]);
    expect(provider.sockets.length).toBe(1);
  });

  test("go on over a new connection when the one there is breaks, and are told when the provider is closed", async () => {
    const provider = await serve((socket, number) => (number === 1 ? socket.resetAndDestroy() : socket.write(hello)));
    const pool = open(provider.url, { connections_max: 1 });
    const [first, second] = [ask(pool), ask(pool)];
    expect([await bodyOf(first), await bodyOf(second)]).toEqual(['reset after ""', "hello"]);
    const silent = open((await serve(() => undefined)).url, { connections_max: 1 });
    const [sent, waits] = [ask(silent), ask(silent)];
    await sleep(50);
    silent.close();
    expect([await bodyOf(sent), await bodyOf(waits), await bodyOf(ask(silent))]).toEqual([
      'reset after ""',
      'connect after ""',
      'connect after ""',
    ]);
  });
});

test("TLS: a verified server is asked, its session used again, and another name on its certificate is not believed", async () => {
  const reused: boolean[] = [];
  const names: string[] = [];
  const SNICallback = (name: string, done: (error: Error | null) => void): void => {
    names.push(name);
    done(null);
  };
  const server = createTlsServer({ key, cert, SNICallback }, (socket: TLSSocket) => {
    reused.push(socket.isSessionReused());
    socket.on("error", () => socket.destroy());
    socket.on("data", () => socket.end(hello.replace("200 OK", "200 OK\r\nconnection: close")));
  });
  const url = await listen(server, "https");
  const pool = openPool(url, LIMITS, createSecureContext({ ca: cert }));
  closing.push(() => pool.close());
  for (let n = 0; n < 3; n++) expect(await bodyOf(ask(pool))).toBe("hello");
  expect(reused).toEqual([false, true, true]);
  const named = openPool(url.replace("127.0.0.1", "localhost"), LIMITS, createSecureContext({ ca: cert }));
  closing.push(() => named.close());
  const { failure } = await ask(named);
  expect([failure?.kind, failure?.message]).toEqual([
    "connect",
    expect.stringContaining("does not match certificate's altnames"),
  ]);
  // No name is sent for an address (RFC 6066).
  expect(names).toEqual(["localhost"]);
});

const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/).map((name) => `X-${name}`);
const value = fc.stringMatching(/^[!-~\xa1-\xff](?:[ -~\xa1-\xff]{0,20}[!-~\xa1-\xff])?$/);
const bytes = fc.uint8Array({ maxLength: 2_000 }).map((array) => Buffer.from(array).toString("latin1"));

interface Generated {
  readonly text: string;
  readonly pieces: readonly number[];
}

/** Valid replies of every framing, with headers, extensions and trailers. */
const generated: fc.Arbitrary<Generated> = fc
  .record({
    status: fc.constantFrom(200, 201, 204, 304, 400, 404, 429, 500, 503, 529),
    reason: fc.constantFrom("", " ", " OK", " Too Many"),
    headers: fc.array(fc.tuple(token, value), { maxLength: 12 }),
    // Of 100, which nobody asked for, undici says that it is no answer.
    interim: fc.constantFrom("", "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n"),
    framing: fc.constantFrom("sized", "chunked", "until close"),
    chunks: fc.array(bytes, { maxLength: 6 }),
    extension: fc.constantFrom("", ";a=b", ';a="b c"', ";x"),
    trailer: fc.constantFrom("", "x-cost: 1\r\n"),
    pieces: fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
  })
  .map(({ status, reason, headers, interim, framing, chunks, extension, trailer, pieces }) => {
    const lines = headers.map(([name, text]) => `${name}: ${text}\r\n`).join("");
    const body = chunks.join("");
    const start = `${interim}HTTP/1.1 ${status}${reason}\r\n${lines}connection: close\r\n`;
    if (status === 204 || status === 304) return { text: `${start}\r\n`, pieces };
    if (framing === "sized") return { text: `${start}content-length: ${body.length}\r\n\r\n${body}`, pieces };
    if (framing === "until close") return { text: `${start}\r\n${body}`, pieces };
    const framed = chunks
      .filter((chunk) => chunk !== "")
      .map((chunk) => `${chunk.length.toString(16)}${extension}\r\n${chunk}\r\n`)
      .join("");
    return { text: `${start}transfer-encoding: chunked\r\n\r\n${framed}0\r\n${trailer}\r\n`, pieces };
  });

function written(socket: Socket, { text, pieces }: Generated): void {
  const all = Buffer.from(text, "latin1");
  for (let at = 0, n = 0; at < all.length; n++) {
    const size = pieces[n % pieces.length] as number;
    socket.write(all.subarray(at, at + size));
    at += size;
  }
  socket.end();
}

function headersOf(names: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < names.length; at += 2) {
    const [name = "", text = ""] = [names[at], names[at + 1]];
    headers[name] = headers[name] === undefined ? text : `${headers[name]}, ${text}`;
  }
  return headers;
}

test("valid replies read as undici's client reads them", async () => {
  const seed = Date.now();
  console.log(`replies against undici: seed ${seed}`);
  let next: Generated = { text: "", pieces: [1] };
  const provider = await serve((socket) => written(socket, next));
  const pool = open(provider.url);
  const agent = new Agent({ connections: 1, pipelining: 0 });
  closing.push(() => agent.destroy());
  await fc.assert(
    fc.asyncProperty(generated, async (one) => {
      next = one;
      const ours = await ask(pool);
      const theirs = await undiciRequest(provider.url, { dispatcher: agent, method: "POST", body: "askE" });
      const body = Buffer.from(await theirs.body.arrayBuffer()).toString("latin1");
      expect(ours.failure).toBeNull();
      expect([ours.head?.status, ours.body]).toEqual([theirs.statusCode, body]);
      const joined = Object.entries(theirs.headers).map(([name, text]) => [name, Array.isArray(text) ? text.join(", ") : text]);
      expect(headersOf(ours.head?.headers ?? [])).toEqual(Object.fromEntries(joined));
    }),
    { seed, numRuns: 300 },
  );
});
