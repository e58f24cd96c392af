/** Reads both sides' books over HTTP: the gateway's log and the simulated provider's bill. Money path: fails closed — what cannot be read is an error. */
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { BursarError } from "../../../accounting/errors.js";
import type { Entry } from "../../../accounting/ledger/entry.js";

/** One line of the simulated provider's bill, as far as it is compared. */
export interface BillLine {
  readonly id: string;
  readonly key: string | null;
  readonly status: number;
  readonly ended: string;
  readonly model: string;
  readonly dialect: string;
  readonly stream: boolean;
  /** Misbehaviours that were shown, as `x-sim-fault` writes them. */
  readonly faults: readonly string[];
  readonly input: number;
  readonly output: number;
  readonly nano: bigint;
}

/** The gateway and its provider. */
export interface BooksOptions {
  readonly url: string;
  readonly simulator: string;
  /** For a gateway that asks for one. */
  readonly adminToken: string | undefined;
}

/** What `verify` says. */
export interface Verified {
  readonly ok: boolean;
  readonly entries: number;
  readonly violations: number;
}

/** Both books. */
export interface Books {
  /** Number of the log's last entry. */
  lastSeq(): Promise<number>;
  /** Holds that are still pending. */
  pending(): Promise<number>;
  /** Entries in (after, to], in order. */
  entries(after: number, to: number): AsyncIterable<Entry>;
  verify(): Promise<Verified>;
  /** The bill since it was last cleared; waits up to a minute until nothing of it runs. */
  bill(): Promise<readonly BillLine[]>;
  clearBill(): Promise<void>;
  close(): Promise<void>;
}

const QUIET_MS = 60_000;
const POLL_MS = 50;

interface RawLine extends Omit<BillLine, "nano"> {
  readonly nano_usd: string;
}

function dataOf(line: string): Entry | null {
  return line.startsWith("data: ") ? (JSON.parse(line.slice("data: ".length)) as Entry) : null;
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** A connection to both. */
interface Connection {
  readonly options: BooksOptions;
  readonly agent: Agent;
  readonly authorization: Readonly<Record<string, string>>;
}

async function ask<T>(at: Connection, url: string, method: "GET" | "DELETE" = "GET"): Promise<T> {
  const headers = url.startsWith(at.options.url) ? at.authorization : {};
  const answer = await request(url, { method, dispatcher: at.agent, headers });
  const text = await answer.body.text();
  if (answer.statusCode !== 200)
    throw new BursarError("upstream_failed", `${url} answered ${answer.statusCode}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as T;
}

async function* entriesOf(at: Connection, after: number, to: number): AsyncGenerator<Entry> {
  if (to <= after) return;
  const url = `${at.options.url}/api/v1/events?after=${after}`;
  const answer = await request(url, { dispatcher: at.agent, headers: at.authorization });
  if (answer.statusCode !== 200) throw new BursarError("upstream_failed", `The log cannot be read: ${await answer.body.text()}`);
  let last = after;
  // Leaving the loop destroys the body and so closes the connection: the feed itself has no end.
  for await (const line of linesOf(answer.body)) {
    const entry = dataOf(line);
    if (entry === null) continue;
    last = entry.seq;
    yield entry;
    if (last >= to) return;
  }
  throw new BursarError("upstream_failed", `The log ended at entry ${last} of ${to}.`);
}

async function linesOfBill(at: Connection): Promise<readonly RawLine[]> {
  const url = `${at.options.simulator}/sim/bill`;
  const { calls, by_call } = await ask<{ calls: number; by_call: readonly RawLine[] }>(at, url);
  if (by_call.length < calls) throw new BursarError("upstream_failed", `The bill shows ${by_call.length} of ${calls} calls.`);
  return by_call;
}

async function quietBill(at: Connection): Promise<readonly BillLine[]> {
  const until = performance.now() + QUIET_MS;
  let lines = await linesOfBill(at);
  while (lines.some((line) => line.ended === "running") && performance.now() < until) {
    await sleep(POLL_MS);
    lines = await linesOfBill(at);
  }
  return lines.map(({ nano_usd, ...line }) => ({ ...line, nano: BigInt(nano_usd) }));
}

/** Opens both books. */
export function openBooks(options: BooksOptions): Books {
  const agent = new Agent({ connections: 4, bodyTimeout: 0, headersTimeout: 300_000 });
  const authorization: Record<string, string> =
    options.adminToken === undefined ? {} : { authorization: `Bearer ${options.adminToken}` };
  const at: Connection = { options, agent, authorization };
  const control = `${options.url}/api/v1`;
  return {
    async lastSeq() {
      return (await ask<{ as_of_seq: number }>(at, `${control}/status`)).as_of_seq;
    },
    async pending() {
      return (await ask<{ total: number }>(at, `${control}/holds?state=pending&limit=1`)).total;
    },
    entries: (after, to) => entriesOf(at, after, to),
    async verify() {
      type Answer = { ok: boolean; entries: number; violations: readonly unknown[] };
      const { ok, entries, violations } = await ask<Answer>(at, `${control}/verify`);
      return { ok, entries, violations: violations.length };
    },
    bill: () => quietBill(at),
    async clearBill() {
      await ask(at, `${options.simulator}/sim/bill`, "DELETE");
    },
    async close() {
      await agent.destroy();
    },
  };
}
