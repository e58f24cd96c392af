/**
 * The client towards the providers alone: calls of its own pool, of undici's dispatch and of undici's request against one
 * provider that answers 700 bytes, plain and over TLS, in interleaved rounds of the same run. CPU per call of the calling
 * process. `npm run -s bench -- http-client [--calls 20000] [--rounds 5] [--json]`
 */
import { createSecureContext } from "node:tls";
import { parseArgs } from "node:util";
import { Pool as UndiciPool } from "undici";
import { cert, key } from "../src/providers/__fixtures__/self-signed.js";
import type { Exchange } from "../src/providers/http1/connection.js";
import { openPool } from "../src/providers/http1/pool.js";
import { report, shown } from "./rig/figures.js";
import { loadAverage } from "./rig/proc.js";
import { openRig, playRole, type Rig } from "./rig/rig.js";
import { openUpstream } from "./rig/upstream.js";

const CLIENTS = ["own", "dispatch", "request"] as const;
type Client = (typeof CLIENTS)[number];

interface Question {
  readonly client: Client;
  readonly origin: string;
  readonly calls: number;
  readonly concurrency: number;
}

const BODY = Buffer.from(JSON.stringify({ model: "gpt-bench", messages: [{ role: "user", content: "x".repeat(400) }] }));
const HEADERS = { authorization: "Bearer bench", "content-type": "application/json", accept: "application/json" };
const PATH = "/v1/chat/completions";
const MINUTE = 60_000;

type Call = () => Promise<Buffer>;

function openOwn(origin: string): Call {
  const limits = { connect_ms: MINUTE, first_byte_ms: MINUTE, idle_ms: MINUTE, keep_alive_ms: MINUTE, connections_max: null };
  const pool = openPool(origin, limits, createSecureContext({ ca: cert }));
  const lines = Object.entries({ host: new URL(origin).host, ...HEADERS }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${PATH} HTTP/1.1\r\n${lines.join("")}content-length: ${BODY.length}\r\n\r\n`;
  return () =>
    new Promise((resolve, reject) => {
      const pieces: Buffer[] = [];
      const exchange: Exchange = {
        request: head,
        payload: BODY,
        connection: null,
        sent: false,
        head: () => undefined,
        body: (piece) => pieces.push(Buffer.from(piece)),
        end: () => resolve(Buffer.concat(pieces)),
        fail: reject,
      };
      pool.send(exchange);
    });
}

function openUndici(origin: string, how: "dispatch" | "request"): Call {
  const pool = new UndiciPool(origin, { connections: null, connect: { ca: cert } });
  const options = { method: "POST" as const, path: PATH, headers: HEADERS, body: BODY };
  if (how === "request")
    return async () => {
      const { body } = await pool.request(options);
      return Buffer.from(await body.arrayBuffer());
    };
  return () =>
    new Promise((resolve, reject) => {
      const pieces: Buffer[] = [];
      pool.dispatch(options, {
        onRequestStart: () => undefined,
        onResponseStart: () => undefined,
        onResponseData: (_, piece) => void pieces.push(piece),
        onResponseEnd: () => resolve(Buffer.concat(pieces)),
        onResponseError: (_, error) => reject(error),
      });
    });
}

/** The role of the caller: microseconds of CPU per call. Its clients stay open between questions. */
function openCaller(): (question: Question) => Promise<number> {
  const calls = new Map<string, Call>();
  return async ({ client, origin, calls: count, concurrency }) => {
    const name = `${client} ${origin}`;
    const call = calls.get(name) ?? (client === "own" ? openOwn(origin) : openUndici(origin, client));
    calls.set(name, call);
    let left = count;
    const before = process.cpuUsage();
    const loop = async (): Promise<void> => {
      while (left-- > 0) {
        const { length } = await call();
        if (length < 600) throw new Error(`${client}: an answer of ${length} bytes`);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, loop));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  };
}

async function run(rig: Rig): Promise<void> {
  const { values } = parseArgs({
    options: {
      calls: { type: "string", default: "20000" },
      rounds: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const tables: Record<string, unknown> = { load_average_before: loadAverage() };
  for (const scheme of ["http", "https"] as const) {
    const secure = scheme === "https" ? { secure: { key, cert } } : {};
    const port = await rig.player("upstream").ask<number>({ ask: "listen", eventsPerSecond: 100, ...secure });
    for (const concurrency of [16, 64]) {
      // A process of its own for each, so that none runs on what another has warmed or littered.
      const callers = CLIENTS.map((client) => ({ client, player: rig.player("caller"), least: Number.POSITIVE_INFINITY }));
      for (let round = 0; round <= Number(values.rounds); round++) {
        for (const caller of callers) {
          const { client, player } = caller;
          const question = { client, origin: `${scheme}://127.0.0.1:${port}`, calls: Number(values.calls), concurrency };
          const micros = await player.ask<number>(question);
          // The least of several: what else runs on the machine only ever adds.
          if (round > 0) caller.least = Math.min(caller.least, micros);
        }
      }
      const own = callers[0]?.least ?? Number.NaN;
      tables[`${scheme}, ${concurrency} at the same time`] = Object.fromEntries(
        callers.map(({ client, least }) => [client, { cpu_us_per_call: shown(least), to_own: shown(least / own) }]),
      );
    }
  }
  report("http-client", tables, values.json);
}

if (!playRole({ upstream: openUpstream(), caller: openCaller() })) {
  const rig = openRig();
  try {
    await run(rig);
  } finally {
    rig.close();
  }
}
