// Providers that answer what none should, on the bare socket: every call is settled once, at no less than was billed, in
// bounded memory, and the connection is not used again.
import { Agent, request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar } from "../e2e/running-bursar.js";
import { ASKS, type Ask } from "./asks.js";
import { type HostileProvider, openHostileProvider, SCRIPTS } from "./hostile-provider.js";
import { type Counted, countedByUser } from "./ledger-of.js";

/** What comes of it: the usage that arrived is posted exactly; or what is counted covers the bill. */
const EXACT = new Set([
  "honest",
  "honest gzip",
  "a trailer",
  "a flood of tiny events",
  "more behind its last word",
  "silence behind its last word",
]);
/** After these the connection may serve another call. */
const KEPT = new Set(["honest", "honest gzip", "a trailer", "a flood of tiny events"]);
/** Whole answers that are none: nothing more comes on their connections, so that they may be kept too. */
const WHOLE = new Set([
  "truncated gzip",
  "HTML with status 200",
  "HTML that calls itself events",
  "an empty body with status 200",
  "a JSON error with status 200",
  "a redirect",
  "an encoding that nobody knows",
]);
/** Far below the gigabyte of the bomb, far above what the garbage of four calls comes to. */
const GROWN_MAX = 256 * 1_048_576;

let provider: HostileProvider;
let at: RunningBursar;
const agent = new Agent({ connections: 128, headersTimeout: 20_000, bodyTimeout: 20_000 });

beforeAll(async () => {
  provider = await openHostileProvider();
  const before = async (): Promise<string> => provider.url;
  at = await openRunningBursar(
    `budgets:
  - { name: all, limit: { usd: 100 } }
limits: { retries_max: 0, idle_timeout: 1s, first_byte_timeout: 1s, drain_timeout: 1s, reply_bytes_max: 4MiB, event_bytes_max: 1MiB }`,
    { before },
  );
});
afterAll(async () => {
  await agent.destroy();
  await at.close();
  await provider.close();
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function ask(ask: Ask, of: { script: string; stream: boolean; user: string }): Promise<Answer> {
  const { script, stream, user } = of;
  const { statusCode, body } = await request(`${at.url}${ask.path(stream)}`, {
    dispatcher: agent,
    method: "POST",
    headers: { ...ask.headers, "content-type": "application/json", "x-bursar-user": user, "x-sim-hostile": script },
    body: JSON.stringify(ask.body({ stream, cap: 400 })),
  });
  return { status: statusCode, text: await body.text() };
}

/** The most memory above what there was, sampled while `run` runs. */
async function grownBy<T>(run: () => Promise<T>): Promise<{ grown: number; result: T }> {
  const before = process.memoryUsage.rss();
  let most = before;
  const sampler = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 5);
  try {
    return { result: await run(), grown: most - before };
  } finally {
    clearInterval(sampler);
  }
}

function expectSettled(one: Counted | undefined, asked: Ask, script: string): void {
  const seen = { script, asked: asked.name, one };
  expect(one, JSON.stringify({ script, asked: asked.name })).toBeDefined();
  if (one === undefined) return;
  expect(seen).not.toMatchObject({ one: { state: "pending" } });
  if (EXACT.has(script))
    expect(seen).toMatchObject({ one: { state: "posted", evidence: "provider", nano: asked.nano, outcome: "end" } });
  // A redirect reads the input and nothing more; all else may have been billed as if it had come whole.
  else if (script === "a redirect") expect(seen).toMatchObject({ one: { state: "posted", evidence: "estimated" } });
  else expect(seen).toSatisfy(() => one.nano >= asked.nano);
}

/** A stream that only says comments, for ever, to a client that reads on: nobody stalls, so nothing ends it (see slow-readers). */
const ENDLESS = "comments for ever";

test.each(Object.keys(SCRIPTS).filter((script) => script !== ENDLESS))(
  "a stream answered by %s is settled once, covered, and done with",
  async (script) => {
    const told = at.told.length;
    const { grown, result } = await grownBy(() =>
      Promise.all(ASKS.map((one) => ask(one, { script, stream: true, user: `${one.name}: ${script}` }))),
    );
    await at.settled();
    const counted = await countedByUser(at);
    for (const [index, asked] of ASKS.entries()) {
      expectSettled(counted.get(`${asked.name}: ${script}`), asked, script);
      const { status, text } = result[index] as Answer;
      // Whoever was not answered is told so: by a status, or inside the stream.
      if (EXACT.has(script))
        expect([script, asked.name, status, text.includes("Five") || text.includes("Nine")]).toEqual([
          script,
          asked.name,
          200,
          true,
        ]);
      else expect([script, asked.name, status >= 500 || /error|bursar/i.test(text)]).toEqual([script, asked.name, true]);
    }
    expect(grown).toBeLessThan(GROWN_MAX);
    if (!KEPT.has(script) && !WHOLE.has(script)) await expect.poll(() => provider.openAfter(script), { timeout: 5_000 }).toBe(0);
    expect(provider.reached.get(script)).toBe(ASKS.length);
    expect(at.told.slice(told)).toEqual([]);
  },
);

test("whole replies that are answered by any of it, side by side, are 5xx for the client and counted in full", async () => {
  const calls = Object.keys(SCRIPTS).flatMap((script) =>
    ASKS.map((asked) => ({ asked, script, user: `whole ${asked.name}: ${script}` })),
  );
  const { grown, result } = await grownBy(() =>
    Promise.all(calls.map(({ asked, script, user }) => ask(asked, { script, stream: false, user }))),
  );
  await at.settled();
  const counted = await countedByUser(at);
  for (const [index, { asked, script, user }] of calls.entries()) {
    const one = counted.get(user);
    const seen = { user, status: result[index]?.status, one };
    // A stream is no whole reply either: only the redirect is a complete answer, of which the input is counted.
    const least = script === "a redirect" ? 1n : asked.nano;
    expect(seen).toSatisfy(() => one !== undefined && one.state !== "pending" && one.nano >= least && (seen.status ?? 0) >= 500);
  }
  expect(grown).toBeLessThan(2 * GROWN_MAX);
  expect(at.told).toEqual([]);
});

test("the gateway that went through all of it serves on, and its books are in order", async () => {
  expect((await fetch(`${at.url}/readyz`)).status).toBe(200);
  const { violations } = await at.server.core.desk.verify();
  expect(violations).toEqual([]);
});
