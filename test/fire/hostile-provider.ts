// A provider that answers on the bare socket, so that it can answer what no server library would let it.
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { type Ask, askedAt } from "./asks.js";

/** Writes one answer. `asked` has what an honest provider would say. */
type Script = (socket: Socket, asked: Ask) => void | Promise<void>;

const MIB = 1_048_576;
const EVENTS = "content-type: text/event-stream";
const JSON_TYPE = "content-type: application/json";
const CHUNKED = "transfer-encoding: chunked";
const LAST = "0\r\n\r\n";

const head = (lines: readonly string[], status = "200 OK"): string => `HTTP/1.1 ${status}\r\n${lines.join("\r\n")}\r\n\r\n`;

function chunk(bytes: string | Uint8Array): Buffer {
  const body = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${body.byteLength.toString(16)}\r\n`), body, Buffer.from("\r\n")]);
}

function roomOrGone(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}

/** Writes `piece` up to `times`, never ahead of the reader; ends when the reader is gone. */
async function pour(socket: Socket, piece: Uint8Array, times: number): Promise<void> {
  for (let n = 0; n < times && !socket.destroyed; n++) {
    if (!socket.write(piece)) await roomOrGone(socket);
  }
}

const stream = (asked: Ask): string => asked.frames.join("");
const half = (asked: Ask): string => asked.frames.slice(0, Math.ceil(asked.frames.length / 2)).join("");

function whole(socket: Socket, lines: readonly string[], body: string | Uint8Array): void {
  socket.write(head([...lines, `content-length: ${Buffer.byteLength(body)}`]));
  socket.write(body);
}

/** 1 GiB of spaces in one MiB: 64 members of 16 MiB. */
function bomb(): Buffer {
  const member = gzipSync(Buffer.alloc(16 * MIB, " "));
  return Buffer.concat(Array.from({ length: 64 }, () => member));
}

const NOTHING_MORE = (): void => undefined;

/** Everything it can do wrong, by name; the gateway's request names one in `x-sim-hostile`. */
export const SCRIPTS: Readonly<Record<string, Script>> = {
  honest: (socket, asked) =>
    void socket.write(Buffer.concat([Buffer.from(head([EVENTS, CHUNKED])), chunk(stream(asked)), Buffer.from(LAST)])),
  "honest gzip": (socket, asked) => whole(socket, [EVENTS, "content-encoding: gzip"], gzipSync(stream(asked))),
  "a trailer": (socket, asked) => {
    socket.write(head([EVENTS, CHUNKED, "trailer: x-cost"]));
    socket.write(chunk(stream(asked)));
    socket.write("0\r\nx-cost: 0\r\n\r\n");
  },
  "a flood of tiny events": async (socket, asked) => {
    socket.write(head([EVENTS, CHUNKED]));
    await pour(socket, chunk(":\n\n".repeat(100)), 400);
    socket.write(chunk(stream(asked)));
    socket.write(LAST);
  },
  "more behind its last word": async (socket, asked) => {
    socket.write(head([EVENTS, CHUNKED]));
    socket.write(chunk(stream(asked)));
    await pour(socket, chunk(`: ${"x".repeat(4_096)}\n\n`), 1_000_000);
  },
  "comments for ever": async (socket) => {
    socket.write(head([EVENTS, CHUNKED]));
    await pour(socket, chunk(`: ${"x".repeat(16_384)}\n\n`), 1_000_000);
  },
  "silence behind its last word": (socket, asked) => {
    socket.write(head([EVENTS, CHUNKED]));
    socket.write(chunk(stream(asked)));
  },
  "one giant event": async (socket) => {
    socket.write(head([EVENTS, CHUNKED]));
    socket.write(chunk('data: {"choices":[{"index":0,"delta":{"content":"'));
    await pour(socket, chunk(Buffer.alloc(65_536, "x")), 1_024);
    socket.write(chunk('"}}]}\n\n'));
  },
  "bytes without a line end, for ever": async (socket) => {
    socket.write(head([EVENTS, CHUNKED]));
    await pour(socket, chunk(Buffer.alloc(65_536, "x")), 1_000_000);
  },
  "a gzip bomb": async (socket) => {
    const packed = bomb();
    socket.write(head([EVENTS, "content-encoding: gzip", `content-length: ${packed.byteLength}`]));
    await pour(socket, packed, 1);
  },
  "truncated gzip": (socket, asked) => {
    const packed = gzipSync(stream(asked));
    whole(socket, [EVENTS, "content-encoding: gzip"], packed.subarray(0, packed.byteLength - 30));
  },
  "an encoding that nobody knows": (socket, asked) => whole(socket, [EVENTS, "content-encoding: shrink"], stream(asked)),
  "a content-length that is too large": (socket, asked) => {
    socket.write(head([EVENTS, "content-length: 100000"]));
    socket.end(half(asked));
  },
  "two content-lengths": (socket, asked) => {
    socket.write(head([EVENTS, "content-length: 10", "content-length: 100000"]));
    socket.write(half(asked));
  },
  "an end without the last chunk": (socket, asked) => {
    socket.write(head([EVENTS, CHUNKED]));
    socket.end(chunk(half(asked)));
  },
  "a reset in the middle": (socket, asked) => {
    socket.write(head([EVENTS, CHUNKED]));
    socket.write(chunk(half(asked)), () => setTimeout(() => socket.resetAndDestroy(), 20));
  },
  "a reset before its head": (socket) => void socket.resetAndDestroy(),
  "silence in the middle": (socket, asked) => {
    socket.write(head([EVENTS, CHUNKED]));
    socket.write(chunk(half(asked)));
  },
  "no answer at all": NOTHING_MORE,
  "half a head": (socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/ev"),
  "what is no HTTP": (socket) => void socket.write("SSH-2.0-OpenSSH_9.6\r\n\r\n"),
  "a head of a megabyte": async (socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    await pour(socket, Buffer.from(`x-many: ${"y".repeat(1_000)}\r\n`), 1_024);
  },
  "HTML with status 200": (socket) => whole(socket, ["content-type: text/html"], "<!doctype html><title>Sign in</title>"),
  "HTML that calls itself events": (socket) => whole(socket, [EVENTS], "<!doctype html>\n<title>Sign in</title>\n\n"),
  "an empty body with status 200": (socket) => whole(socket, [EVENTS], ""),
  "a JSON error with status 200": (socket) =>
    whole(socket, [JSON_TYPE], '{"error":{"message":"overloaded","type":"server_error"}}'),
  "a whole reply of 16 MiB where a stream was asked for": async (socket) => {
    socket.write(head([JSON_TYPE, `content-length: ${16 * MIB}`]));
    await pour(socket, Buffer.alloc(65_536, "["), 256);
  },
  "a redirect": (socket) => void socket.write(head(["location: http://127.0.0.1:1/", "content-length: 0"], "302 Found")),
};

/** A hostile provider that listens. */
export interface HostileProvider {
  readonly url: string;
  /** Connections on which a call was answered and that are still open, by the script that ran last on each. */
  openAfter(script: string): number;
  /** Calls that reached it, by script. */
  readonly reached: ReadonlyMap<string, number>;
  /** Bytes that were handed to the sockets of calls that have ended, by script. */
  readonly written: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

interface Arrived {
  readonly path: string;
  readonly script: string;
  readonly rest: Buffer;
}

/** One request off the front of what has come; null while it is not whole. The gateway always says its length. */
function requestIn(bytes: Buffer): Arrived | null {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const text = bytes.subarray(0, end).toString("latin1");
  const length = Number(/^content-length: (\d+)$/im.exec(text)?.[1]);
  if (bytes.byteLength < end + 4 + length) return null;
  const path = text.split(" ")[1] ?? "/";
  return { path, script: /^x-sim-hostile: (.+)$/im.exec(text)?.[1]?.trim() ?? "honest", rest: bytes.subarray(end + 4 + length) };
}

/** Opens one on a free port. */
export async function openHostileProvider(): Promise<HostileProvider> {
  const running = new Map<Socket, string>();
  const reached = new Map<string, number>();
  const written = new Map<string, number>();
  const server = createServer({ noDelay: true }, (socket) => {
    let bytes: Buffer = Buffer.alloc(0);
    // Whoever leaves may do so by a reset; that it has left is all there is to know.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      const ran = running.get(socket);
      running.delete(socket);
      if (ran !== undefined) written.set(ran, (written.get(ran) ?? 0) + socket.bytesWritten);
    });
    socket.on("data", (piece) => {
      bytes = Buffer.concat([bytes, piece]);
      const arrived = requestIn(bytes);
      if (arrived === null) return;
      bytes = arrived.rest;
      const { script } = arrived;
      reached.set(script, (reached.get(script) ?? 0) + 1);
      running.set(socket, script);
      const run = SCRIPTS[script];
      if (run === undefined) throw new Error(`There is no script "${script}"`);
      void run(socket, askedAt(arrived.path));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    openAfter: (script) => [...running.values()].filter((ran) => ran === script).length,
    reached,
    written,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of running.keys()) socket.destroy();
      }),
  };
}
