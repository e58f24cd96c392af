// E11: SIGTERM to the real binary while two hundred streams run: no new call, what ends in time ends whole, the rest is cut
// and settled, and the exit code is 0.
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyFile } from "../../src/stores/sqlite/verify-file.js";
import { checkHistoryIn } from "../history.js";
import { nothingRead, readOn } from "./gateway/log.js";
import { type Serving, settledBill, startGateway, startSimulator } from "./gateway/processes.js";

const STREAMS = 200;
/** Of these, one in ten would run for minutes. */
const LONG_EVERY = 10;

const home = mkdtempSync(join(tmpdir(), "bursar-stop-"));
const started: ChildProcess[] = [];
const data = join(home, "data");
const agent = new Agent({ connections: STREAMS });
let gateway: Serving;
let simulator: Serving;

beforeAll(async () => {
  simulator = await startSimulator({ home, started });
  const config = join(home, "bursar.yaml");
  writeFileSync(
    config,
    `version: 1
timezone: UTC
providers:
  sim: { kind: simulated, base_url: "${simulator.url}/v1" }
keys:
  - { name: platform, token: platform-key, attribution: headers }
budgets:
  - { name: org, limit: { usd: 1000 } }
limits: { drain_timeout: 1s }
`,
  );
  gateway = await startGateway({ home, started, config, data });
});
afterAll(async () => {
  await agent.destroy();
  for (const child of started) child.kill("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

interface Read {
  readonly key: string;
  readonly long: boolean;
  readonly text: string;
}

/** Reads one stream to whatever end it comes to; says when its first bytes are here. */
async function readStream(n: number, begun: () => void): Promise<Read> {
  const long = n % LONG_EVERY === 0;
  const key = `s${n}`;
  const { body } = await request(`${gateway.url}/v1/chat/completions`, {
    dispatcher: agent,
    method: "POST",
    headers: {
      authorization: "Bearer platform-key",
      "content-type": "application/json",
      "x-bursar-user": key,
      "x-sim-key": key,
      "x-sim-output-tokens": String(long ? 12_000 : 600),
      "x-sim-tokens-per-second": "100",
    },
    body: JSON.stringify({ model: "gpt-4o", max_tokens: 16_000, stream: true, messages: [{ role: "user", content: "Go on." }] }),
  });
  let text = "";
  try {
    for await (const chunk of body) {
      if (text === "") begun();
      text += String(chunk);
    }
  } catch {
    // Cut in the middle, which only a long one may be: the test looks at what came.
  }
  return { key, long, text };
}

test("E11: SIGTERM with 200 streams ends the process with 0, every stream settled and every short one whole", async () => {
  let running = 0;
  let all: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    all = resolve;
  });
  const reading = Promise.all(
    Array.from({ length: STREAMS }, (_, n) =>
      readStream(n, () => {
        running += 1;
        if (running === STREAMS) all();
      }),
    ),
  );
  await Promise.race([begun, reading]);
  expect(running).toBe(STREAMS);
  expect(await gateway.stop()).toBe(0);
  await expect(fetch(gateway.url)).rejects.toThrow();
  for (const { key, long, text } of await reading) if (!long) expect([key, text.includes("[DONE]")]).toEqual([key, true]);
  const bill = new Map((await settledBill(simulator)).map((line) => [line.key, BigInt(line.nano_usd)]));
  const read = nothingRead();
  await readOn(data, read);
  expect(read.attempts.size).toBe(STREAMS);
  for (const attempt of read.attempts.values()) {
    const billed = bill.get(attempt.key) ?? -1n;
    expect({ ...attempt, billed }).toSatisfy(() => attempt.state === "posted" && attempt.posted >= billed && billed > 0n);
  }
  const { violations, state } = await verifyFile(data);
  expect(violations).toEqual([]);
  expect(await checkHistoryIn(data)).toMatchObject({ problems: [], pending: [] });
  expect([...state.accounts.values()].map(({ held }) => held)).toEqual([0n]);
}, 90_000);
