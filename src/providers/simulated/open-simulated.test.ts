import { expect, test } from "vitest";
import { type Clock, UpstreamFailure, type UpstreamReply, type UpstreamRequest } from "../../call/needs.js";
import { systemClock } from "../../surfaces/system-clock.js";
import { openSimulated, type SimulatedUpstream } from "./open-simulated.js";

const even = { name: "even", input: "1", output: "2" };
const open = (options: { latency?: "none"; clock?: Clock; token_error?: "none" } = {}): SimulatedUpstream =>
  openSimulated({ clock: systemClock(), latency: "none", models: [even], ...options });

function ask(headers: Record<string, string | number> = {}, body: object = {}): UpstreamRequest {
  const stream = "stream" in body;
  return {
    dialect: "openai-chat",
    model: "even",
    query: "",
    credentials: {},
    framing: "sse",
    body: Buffer.from(JSON.stringify({ model: "even", messages: [{ role: "user", content: "Hello there" }], ...body })),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [`x-sim-${name}`, String(value)])),
    stream,
  };
}
const never = new AbortController().signal;
const streamed = { stream: true };

async function textOf(reply: UpstreamReply): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of reply.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Time that passes only while somebody sleeps. */
function virtualClock(): Clock & { time: number } {
  const clock = {
    time: 1_700_000_000_000,
    now: () => clock.time,
    monotonic: () => clock.time,
    sleep: async (ms: number) => {
      clock.time += ms;
    },
  };
  return clock;
}

test("in process it answers as over a socket, with the bill at hand", async () => {
  const sim = open();
  const reply = await sim.send(ask({ "input-tokens": 100, "output-tokens": 50 }), never);
  expect(JSON.parse(await textOf(reply))).toMatchObject({ usage: { prompt_tokens: 100, completion_tokens: 50 } });
  expect(sim.bill()).toMatchObject({ calls: 1, nano_usd: 100_000n + 100_000n });
  sim.clearBill();
  expect(sim.bill().calls).toBe(0);
});

test("a reader that stops stops the bill with what it was given", async () => {
  const sim = open();
  const reply = await sim.send(ask({ "output-tokens": 100_000 }, streamed), never);
  let chunks = 0;
  for await (const _ of reply.body) if (++chunks === 20) break;
  const [line] = sim.bill().by_call;
  expect(line).toMatchObject({ ended: "left" });
  // The role chunk carries no token; a long word carries two or three.
  expect(line?.output).toBeGreaterThanOrEqual(19);
  expect(line?.output).toBeLessThan(60);
});

test("an abort is noticed in the middle of a stream that is always ready", async () => {
  const sim = open();
  const stop = new AbortController();
  const reply = await sim.send(ask({ "output-tokens": 5_000_000 }, streamed), stop.signal);
  setTimeout(() => stop.abort(), 20);
  await expect(textOf(reply)).rejects.toMatchObject({ kind: "aborted" });
  expect(sim.bill().by_call[0]?.ended).toBe("left");
});

test("a stream that nobody reads ends with its signal, its input billed", async () => {
  const sim = open();
  const stop = new AbortController();
  const reply = await sim.send(ask({ "input-tokens": 10 }, streamed), stop.signal);
  const iterator = reply.body[Symbol.asyncIterator]();
  stop.abort();
  await expect(iterator.next()).rejects.toBeInstanceOf(UpstreamFailure);
  expect(sim.bill()).toMatchObject({ nano_usd: 10_000n, by_call: [{ ended: "left", output: 0 }] });
});

test("faults of the connection are failures of the upstream", async () => {
  const sim = open();
  await expect(sim.send(ask({ fault: "reset-before" }), never)).rejects.toMatchObject({ kind: "reset" });
  expect(sim.bill().nano_usd).toBe(0n);
  const cut = await sim.send(ask({ fault: "reset-after=7", "input-tokens": 1 }, streamed), never);
  await expect(textOf(cut)).rejects.toMatchObject({ kind: "reset" });
  expect(sim.bill().nano_usd).toBe(15_000n);
  await expect(sim.send(ask(), AbortSignal.abort())).rejects.toMatchObject({ kind: "connect" });
  expect(sim.bill().calls).toBe(2);
  expect([400, 401, 404, 429, 500, 503, 529].filter((status) => sim.unbilled(status))).toEqual([400, 401, 404, 429, 529]);
});

test("hang-after waits for the abort, streamed and whole", async () => {
  const sim = open();
  for (const body of [{}, streamed]) {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 30);
    const run = async (): Promise<string> => textOf(await sim.send(ask({ fault: "hang-after=4" }, body), stop.signal));
    await expect(run()).rejects.toMatchObject({ kind: "aborted" });
  }
  expect(sim.bill().by_call.map((line) => line.output)).toEqual([4, 4]);
});

test("a model takes its time unless told otherwise", async () => {
  const clock = virtualClock();
  const sim = openSimulated({ clock, models: [even] });
  const from = clock.time;
  await textOf(await sim.send(ask({ "output-tokens": 81 }), never));
  expect(clock.time - from).toBeGreaterThanOrEqual(1390);
  expect(clock.time - from).toBeLessThanOrEqual(1400);
  const then = clock.time;
  await textOf(await sim.send(ask({ "output-tokens": 101, "first-token-ms": 50, "tokens-per-second": 1000 }, streamed), never));
  expect(clock.time - then).toBeGreaterThanOrEqual(140);
  expect(clock.time - then).toBeLessThanOrEqual(150);
});

test("two simulators with one seed agree to the byte; another seed differs", async () => {
  const run = async (seed: string): Promise<string> =>
    textOf(await openSimulated({ clock: virtualClock(), latency: "none", seed, models: [even] }).send(ask({}, streamed), never));
  expect(await run("a")).toBe(await run("a"));
  expect(await run("a")).not.toBe(await run("b"));
});

test("without the error its count of a prompt is its tokenizer's alone", async () => {
  const count = async (sim: SimulatedUpstream): Promise<number> => {
    const body = { messages: [{ role: "user", content: "word ".repeat(1000) }] };
    await textOf(await sim.send(ask({ "output-tokens": 1 }, body), never));
    return sim.bill().by_call[0]?.input as number;
  };
  const plain = await count(open({ token_error: "none" }));
  const wrong = await count(open());
  expect(plain).toBeGreaterThanOrEqual(1000);
  expect(plain).toBeLessThan(1020);
  expect(wrong / plain).toBeGreaterThan(0.79);
  expect(wrong / plain).toBeLessThan(1.31);
});

test("headers of the client pass only where they steer", () => {
  const sim = open();
  expect(["x-sim-fault", "anthropic-beta", "authorization", "cookie", "x-bursar-agent"].filter(sim.headers_allowed)).toEqual([
    "x-sim-fault",
    "anthropic-beta",
  ]);
});
