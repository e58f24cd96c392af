import type { Attribution, Budget } from "../src/accounting/budget/budget.js";
import type { Ceiling, HoldCommand, LedgerResult, PostCommand } from "../src/accounting/ledger/command.js";
import type { Clock } from "../src/call/needs.js";

/** A clock that stands still until it is moved. */
export function standingClock(at = Date.UTC(2026, 10, 24, 12)): Clock & { move(ms: number): void } {
  let wall = at;
  let mono = 0;
  return {
    now: () => wall,
    monotonic: () => mono,
    sleep: () => Promise.resolve(),
    move(ms) {
      wall += ms;
      mono += ms;
    },
  };
}

/** A hard lifetime budget over everything, in dollars, unless told otherwise. */
export function budget(over: Partial<Budget> & { name: string; limit: bigint | null }): Budget {
  return {
    match: {},
    per: [],
    unit: "usd",
    count: "total",
    window: { kind: "lifetime" },
    timezone: "UTC",
    week_start: "monday",
    mode: "hard",
    ceiling: "measured",
    clamp: false,
    on_unknown_price: "deny",
    accounts_max: 10_000,
    ...over,
  };
}

/** Org › team › agent, each with its limit, in one unit. */
export function threeLevels(unit: Budget["unit"], limits: { org: bigint; team: bigint; agent: bigint }): readonly Budget[] {
  return [
    budget({ name: "org", limit: limits.org, unit }),
    budget({ name: "team", limit: limits.team, unit, per: ["team"] }),
    budget({ name: "agent", limit: limits.agent, unit, per: ["agent"] }),
  ];
}

export function caller(over: Partial<Attribution> = {}): Attribution {
  return { key: "k", agent: "a", team: "t", model: "openai/gpt-4o", ...over };
}

/** Price of the adversarial cases: 1,000 nano-dollars an input token, 2,000 an output token. */
export function ceiling(input_tokens: number, output_tokens: number): Ceiling {
  return { nano: BigInt(input_tokens) * 1000n + BigInt(output_tokens) * 2000n, input_tokens, output_tokens };
}

export function hold(id: string, most: Ceiling, over: Partial<HoldCommand> = {}): HoldCommand {
  return {
    type: "hold",
    call_id: id,
    attempt_id: `${id}.1`,
    attribution: caller(),
    provider: "openai",
    price_id: "row",
    ceiling: most,
    estimated_input: most.input_tokens,
    ...over,
  };
}

export function post(id: string, tokens: { input: number; output: number }, over: Partial<PostCommand> = {}): PostCommand {
  const counts = { input_fresh: tokens.input, output_text: tokens.output, requests: 1 };
  const nano = BigInt(tokens.input) * 1000n + BigInt(tokens.output) * 2000n;
  return { type: "post", attempt_id: `${id}.1`, usage: { counts, evidence: "provider" }, nano, outcome: "end", ...over };
}

export function refusalCode(result: LedgerResult | undefined): string | null {
  return result === undefined || result.ok ? null : result.refusal.code;
}
