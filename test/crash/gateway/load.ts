import { Agent, request } from "undici";
import { parseUsd } from "../../../src/accounting/units/money.js";

/** What a client knows of one call it made. */
export interface Asked {
  /** Names the call here, on the simulator's bill (`x-sim-key`) and in the log (`user`). */
  readonly key: string;
  readonly agent: string;
  readonly task: string;
  /** Null until an answer began, and when none did. */
  status: number | null;
  callId: string | null;
  /** What the client was told it cost, in nano-dollars: only with a reply that came whole. */
  cost: bigint | null;
  /** Budget that refused it. */
  refusedBy: string | null;
  /** Events with output that a stream has brought so far, each of one token at least. */
  events: number;
}

/** Numbers from 0 up to (not including) the one asked for; the same seed gives the same ones. */
export type Chance = (below: number) => number;

/** A small linear congruential generator (Numerical Recipes' constants): repeatable, nothing more. */
export function openChance(seed: number): Chance {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % below;
  };
}

/** Load that runs until the gateway is gone. */
export interface Load {
  /** Everything asked so far; grows. */
  readonly asked: readonly Asked[];
  /** Resolves when the first answer has come whole. Rejects when a client finds a fault. */
  readonly begun: Promise<unknown>;
  /** Says that the gateway is about to be killed, and resolves when every client has found it gone. */
  readonly ended: (kill: () => Promise<void>) => Promise<void>;
}

interface Shape {
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly tokens: number;
  readonly perSecond: number;
}

/** Output tokens a second of the long streams. */
export const LONG_PER_SECOND = 400;

const TOPICS = ["ferries", "lighthouses", "the price of salt", "a ledger that survives"];

/** Half of the calls are whole replies; the others stream, some of them long enough that their holds must grow. */
function shapeOf(chance: Chance): Shape {
  const prompt = `Tell me of ${TOPICS[chance(TOPICS.length)]}. `.repeat(1 + chance(12));
  const messages = [{ role: "user", content: prompt }];
  const anthropic = chance(2) === 0;
  const path = anthropic ? "/v1/messages" : "/v1/chat/completions";
  const model = anthropic ? "claude-sonnet-4-5" : "gpt-4o";
  const kind = chance(10);
  if (kind < 5) {
    return { path, body: { model, messages, max_tokens: 200 }, tokens: 20 + chance(180), perSecond: 1_000 };
  }
  if (kind < 9) {
    return { path, body: { model, messages, max_tokens: 400, stream: true }, tokens: 20 + chance(200), perSecond: 300 };
  }
  return {
    path,
    body: { model, messages, max_tokens: 4_000, stream: true },
    tokens: 1_200 + chance(800),
    perSecond: LONG_PER_SECOND,
  };
}

/** One event with output, in both formats. */
const OUTPUT_EVENT = /"content":"[^"]|"type":"text_delta"/g;
const CLOSING = /: bursar call_id=(\S+) cost_usd=(\S+)/;

/** Reads an answer as far as it comes. A stream's cost is in its closing comment, a whole reply's in a header. */
async function readAnswer(asked: Asked, of: { response: Awaited<ReturnType<typeof request>>; stream: boolean }): Promise<void> {
  const { statusCode, headers, body } = of.response;
  asked.status = statusCode;
  asked.callId = String(headers["x-bursar-call-id"]);
  let text = "";
  try {
    for await (const chunk of body) text += String(chunk);
  } finally {
    if (of.stream) asked.events = text.match(OUTPUT_EVENT)?.length ?? 0;
    // What the closing comment says was acknowledged, also when the connection broke right behind it.
    const told = of.stream ? CLOSING.exec(text)?.[2] : undefined;
    if (told !== undefined) asked.cost = parseUsd(told);
  }
  if (statusCode === 200 && !of.stream) asked.cost = parseUsd(String(headers["x-bursar-cost-usd"]));
  if (statusCode !== 200) asked.refusedBy = /"budget":\s*"([^"]+)"/.exec(text)?.[1] ?? text;
}

/**
 * Starts clients that call without a pause, each seeded, until the gateway does not answer any more. Half of them are one
 * agent, which soon has no requests left; three are one task. Agents and tasks are new in every round, so that their
 * budgets bite in every round.
 */
export function startLoad(of: { url: string; round: number; clients: number; seed: number }): Load {
  const agent = new Agent({ connections: of.clients });
  const asked: Asked[] = [];
  let killing = false;
  let begin: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    begin = resolve;
  });
  async function client(number: number): Promise<void> {
    const chance = openChance(of.seed + number * 7919);
    const who = {
      agent: `r${of.round}-a${number % 2 === 0 ? 0 : 1 + (number % 3)}`,
      task: `r${of.round}-t${Math.floor(number / 3)}`,
    };
    for (let n = 0; ; n++) {
      const one: Asked = {
        key: `r${of.round}-c${number}-n${n}`,
        ...who,
        status: null,
        callId: null,
        cost: null,
        refusedBy: null,
        events: 0,
      };
      const { path, body, tokens, perSecond } = shapeOf(chance);
      asked.push(one);
      try {
        const response = await request(`${of.url}${path}`, {
          dispatcher: agent,
          method: "POST",
          headers: {
            authorization: "Bearer platform-key",
            "content-type": "application/json",
            "x-bursar-agent": who.agent,
            "x-bursar-task": who.task,
            "x-bursar-user": one.key,
            "x-sim-key": one.key,
            "x-sim-output-tokens": String(tokens),
            "x-sim-tokens-per-second": String(perSecond),
          },
          body: JSON.stringify(body),
        });
        await readAnswer(one, { response, stream: body.stream === true });
        begin();
      } catch (error) {
        // What this client knows of a call that the kill broke stays as it is; anything else is a fault of the gateway.
        if (killing) return;
        throw error;
      }
      if (one.status !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const clients = Promise.all(Array.from({ length: of.clients }, (_, number) => client(number)));
  return {
    asked,
    begun: Promise.race([first, clients]),
    async ended(kill) {
      killing = true;
      await Promise.all([kill(), clients]);
      await agent.destroy();
    },
  };
}
