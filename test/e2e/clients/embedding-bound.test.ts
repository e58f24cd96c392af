// Where Gemini tells no usage of an embedding, Bursar's own count with its head room is posted: for one text in Latin
// letters, code, numbers or emoji no less than the provider bills, however its tokenizer differs. Not shown here, because it
// does not hold against the simulated provider: other scripts, of which it makes a token of every letter (Bursar estimates
// Cyrillic at a third of that), and several contents in one request, each of which it frames with eight tokens (Bursar: four).
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { GoogleGenAI } from "@google/genai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSimulatorServer } from "../../../src/providers/simulated/server.js";
import { systemClock } from "../../../src/surfaces/system-clock.js";
import { type BillLine, openRunningBursar, type RunningBursar } from "../running-bursar.js";

/** Each is another provider, whose tokenizer makes 0.8 to 1.3 tokens of one, by its seed. */
const SEEDS = Array.from({ length: 30 }, (_, index) => `embedding-${index}`);

const TEXTS: readonly string[] = [
  "a",
  "How do I keep a budget?",
  "Die Fähre über den Fjord fährt um 06:45 Uhr, außer an Feiertagen. ".repeat(40),
  "const total = rows.reduce((sum, { nano }) => sum + BigInt(nano), 0n);\n".repeat(20),
  "🛶🏔️👩‍👩‍👧‍👦".repeat(30),
  Array.from({ length: 400 }, (_, index) => (index * 7919).toString(36)).join(" "),
];

let at: RunningBursar;
let simulators: Awaited<ReturnType<typeof openSimulatorServer>>[];
let front: Server;
/** Which of them stands behind Bursar. */
let current = 0;

beforeEach(async () => {
  const clock = systemClock();
  simulators = await Promise.all(SEEDS.map((seed) => openSimulatorServer({ clock, latency: "none", seed })));
  front = createServer((incoming, outgoing) => {
    const { method, headers } = incoming;
    const onward = request(`${simulators[current]?.url}${incoming.url}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  at = await openRunningBursar("budgets: [{ name: all, limit: { usd: 100 } }]", { before: async () => url });
});
afterEach(async () => {
  await at.close();
  front.close();
  await Promise.all(simulators.map((simulator) => simulator.close()));
});

async function billOf({ url }: { readonly url: string }): Promise<readonly BillLine[]> {
  return ((await (await fetch(`${url}/sim/bill`)).json()) as { by_call: readonly BillLine[] }).by_call;
}

test("an embedding is held and posted at no less than its bill: thirty tokenizers, prose, code, numbers and emoji", {
  timeout: 40_000,
}, async () => {
  const { models } = new GoogleGenAI({ apiKey: "platform-key", httpOptions: { baseUrl: at.url } });
  for (current of SEEDS.keys()) {
    for (const contents of TEXTS) {
      const { embeddings } = await models.embedContent({ model: "gemini-embedding-001", contents });
      expect(embeddings).toHaveLength(1);
    }
  }
  await at.settled();
  const bills = (await Promise.all(simulators.map(billOf))).flat().map((line) => BigInt(line.nano_usd));
  const held = (await at.entries("call.held")).map((entry) => BigInt(entry.ceiling.nano));
  const posted = (await at.entries("call.posted")).map((entry) => BigInt(entry.nano));
  expect([bills, held, posted].map((each) => each.length)).toEqual([180, 180, 180]);
  const short = bills.flatMap((billed, call) => {
    const figures = { billed, held: held[call] ?? 0n, posted: posted[call] ?? 0n };
    return figures.held >= billed && figures.posted >= billed && billed > 0n ? [] : [{ call, ...figures }];
  });
  expect(short).toEqual([]);
});
