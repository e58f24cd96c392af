// A1 over HTTP: a thousand requests at once, a budget that fits a hundred on three levels, a real ledger on disk.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { Agent, request } from "undici";
import { expect, test } from "vitest";
import { openRunningBursar, standingChecks } from "./running-bursar.js";

const CALLS = 1_000;
const FIT = 100;
const ASK = { model: "gpt-4o", max_tokens: 30, messages: [{ role: "user", content: "Say something." }] };
const STEER = { "x-sim-input-tokens": "4", "x-sim-output-tokens": "2" };

/** Stands before the provider and lets nothing through until it is told to: nobody is answered before all have asked. */
interface Gate {
  readonly before: (url: string) => Promise<string>;
  arrived(): number;
  open(): void;
  close(): void;
}

function closedGate(): Gate {
  let arrived = 0;
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let target = "";
  const server = createServer(async (asked, answer) => {
    const body = await buffer(asked);
    arrived += 1;
    await opened;
    const headers = Object.fromEntries(Object.entries(asked.headers).filter(([name]) => name.startsWith("x-sim-")));
    const reply = await request(`${target}${asked.url}`, { method: "POST", headers: headers as Record<string, string>, body });
    answer.writeHead(reply.statusCode, { "content-type": String(reply.headers["content-type"]) });
    answer.end(Buffer.from(await reply.body.arrayBuffer()));
  });
  return {
    async before(url) {
      target = url;
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    arrived: () => arrived,
    open: () => open(),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const UNITS = [
  { unit: "requests", of: (one: Held) => one.requests, limit: (amount: bigint) => `{ requests: ${amount} }` },
  { unit: "tokens", of: (one: Held) => one.tokens, limit: (amount: bigint) => `{ tokens: ${amount} }` },
  {
    unit: "usd",
    of: (one: Held) => one.nano,
    limit: (amount: bigint) => `{ usd: ${amount / 10n ** 9n}.${String(amount % 10n ** 9n).padStart(9, "0")} }`,
  },
] as const;

interface Held {
  readonly requests: bigint;
  readonly tokens: bigint;
  readonly nano: bigint;
}

/** What one such call sets aside, asked of the ledger itself. */
async function heldByOne(): Promise<Held> {
  const at = await openRunningBursar("budgets: []");
  await at.openai().chat.completions.create(ASK as never, { headers: STEER });
  const [held] = await at.entries("call.held");
  await at.close();
  if (held === undefined) throw new Error("nothing was held");
  const { nano, input_tokens, output_tokens } = held.ceiling;
  return { requests: 1n, tokens: BigInt(input_tokens + output_tokens), nano: BigInt(nano) };
}

test.each(UNITS)(
  "of 1,000 requests at once on three levels exactly the 100 that fit reach the provider, in $unit",
  { timeout: 120_000 },
  async ({ of, limit }) => {
    const each = of(await heldByOne());
    const gate = closedGate();
    const at = await openRunningBursar(
      `budgets:
  - { name: org, limit: ${limit(each * 100n)} }
  - { name: team, per: [team], limit: ${limit(each * 120n)} }
  - { name: agent, per: [agent], limit: ${limit(each * 130n)} }`,
      { before: gate.before },
    );
    const agent = new Agent({ connections: CALLS, pipelining: 1 });
    const body = JSON.stringify(ASK);
    const statuses: number[] = [];
    const asking = Promise.all(
      Array.from({ length: CALLS }, async (_, n) => {
        const headers = { authorization: "Bearer platform-key", "x-bursar-agent": `agent-${n % 2}`, ...STEER };
        const answer = await request(`${at.url}/v1/chat/completions`, { method: "POST", headers, body, dispatcher: agent });
        await answer.body.dump();
        statuses.push(answer.statusCode);
      }),
    );
    await expect.poll(() => gate.arrived() + statuses.length, { timeout: 60_000, interval: 50 }).toBe(CALLS);
    gate.open();
    await asking;
    const count = (status: number): number => statuses.filter((one) => one === status).length;
    expect([count(200), count(402) + count(429)]).toEqual([FIT, CALLS - FIT]);
    expect((await at.bill()).calls).toBe(FIT);
    await standingChecks(at);
    for (const account of at.server.core.ledger.state().accounts.values())
      expect([account.held, account.overrun]).toEqual([0n, 0n]);
    await agent.destroy();
    await at.close();
    gate.close();
  },
);
