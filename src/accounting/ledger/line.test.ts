import fc from "fast-check";
import { expect, test } from "vitest";
import { budget } from "../../../test/ledger-fixtures.js";
import { openMemo } from "../budget/accounts.js";
import { USAGE_CLASSES, type UsageClass } from "../meter/usage.js";
import { openWindows } from "../units/window.js";
import { apply } from "./apply.js";
import type { LedgerCommand } from "./command.js";
import { decide } from "./decide.js";
import { emptyState } from "./empty-state.js";
import type { Entry } from "./entry.js";
import { markOf, openingsOf, openLineReader, openLineWriter } from "./line.js";

const START = Date.UTC(2026, 10, 24);

// Any text: quotes, backslashes, line breaks and lone surrogates are names that somebody may have.
const name = fc.oneof(fc.constantFrom("a", "b"), fc.string({ unit: "binary", maxLength: 8 }), fc.string({ maxLength: 8 }));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const count = fc.nat(5_000);
const ceiling = fc.record({ nano: fc.bigInt(0n, 2n ** 70n), input_tokens: count, output_tokens: count });
const usage = fc.dictionary(fc.constantFrom<UsageClass>(...USAGE_CLASSES), count, { maxKeys: 4 });
const caller = fc.record({ key: name, agent: name, model: name, task: maybe(name), step: maybe(count) });

const step = fc.oneof(
  fc.record({
    kind: fc.constant("hold" as const),
    id: fc.tuple(name, fc.boolean()),
    ...{ caller, ceiling, price: fc.option(name), simulated: maybe(fc.constant(true)) },
    idempotency: maybe(fc.record({ key: name, body: name })),
  }),
  fc.record({ kind: fc.constant("extend" as const), of: fc.nat(), ceiling }),
  fc.record({
    kind: fc.constant("post" as const),
    of: fc.nat(),
    ...{ usage, nano: fc.bigInt(0n, 2n ** 70n), flags: maybe(fc.array(name, { maxLength: 2 })) },
    ...{ response_id: maybe(name), reason: maybe(name), metered_output: maybe(count), tier: maybe(name) },
  }),
  fc.record({ kind: fc.constant("void" as const), of: fc.nat(), proof: name }),
  fc.record({ kind: fc.constant("presume" as const), of: fc.nat(), reason: name }),
);

function commandOf(
  one: typeof step extends fc.Arbitrary<infer T> ? T : never,
  attempts: string[],
  n: number,
): LedgerCommand | null {
  if (one.kind === "hold") {
    const call_id = `${one.id[0]}${n}`;
    const attempt_id = one.id[1] ? `${call_id}.1` : `other ${call_id}`;
    attempts.push(attempt_id);
    const { ceiling: most, price, simulated, idempotency } = one;
    const rest = { provider: "p", price_id: price, ceiling: most, estimated_input: 7, simulated, idempotency };
    return { type: "hold", call_id, attempt_id, attribution: one.caller, ...rest };
  }
  const attempt_id = attempts[one.of % Math.max(1, attempts.length)];
  if (attempt_id === undefined) return null;
  if (one.kind === "extend") return { type: "extend", attempt_id, add: one.ceiling };
  if (one.kind === "void") return { type: "void", attempt_id, proof: one.proof };
  if (one.kind === "presume") return { type: "presume", attempt_id, reason: one.reason };
  const { nano, flags, response_id, reason, metered_output, tier } = one;
  const used = { counts: one.usage, evidence: "provider" as const, service_tier: tier };
  return { type: "post", attempt_id, usage: used, nano, outcome: "end", flags, response_id, reason, metered_output };
}

/** Every entry that the steps come to, with the line it is stored as. */
function linesOf(steps: readonly Parameters<typeof commandOf>[0][]): { entry: Entry; text: string }[] {
  const state = emptyState();
  const write = openLineWriter(state.accounts);
  const memo = openMemo(openWindows());
  const found: { entry: Entry; text: string }[] = [];
  const budgets = [
    budget({ name: "all", limit: 10n ** 18n }),
    budget({ name: "agent", limit: 10n ** 19n, per: ["agent"], mode: "soft", window: { kind: "rolling", ms: 60_000 } }),
    budget({ name: "tokens", limit: null, per: ["task"], unit: "tokens", window: { kind: "calendar", unit: "day" } }),
  ];
  const take = (command: LedgerCommand, now: number): void => {
    for (const entry of decide(state, command, { now, memo }).entries) {
      apply(state, entry);
      found.push({ entry, text: write(entry) });
    }
  };
  take({ type: "declare", budgets, actor: "t", reason: "t" }, START);
  const attempts: string[] = [];
  steps.forEach((one, n) => {
    const command = commandOf(one, attempts, n);
    if (command !== null) take(command, START + n * 7_000);
  });
  return found;
}

/** As JSON has it: a field that is undefined is not there. */
const asJson = (entry: Entry): unknown => JSON.parse(JSON.stringify(entry));

test("a line gives back its entry, read from the log's beginning or anywhere in it, and says whose it is", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const lines = linesOf(steps);
      const read = openLineReader();
      const names: string[] = [];
      for (const { entry, text } of lines) {
        expect(text).not.toContain("\n");
        expect(asJson(read(entry.seq, text))).toEqual(asJson(entry));
        names.push(...openingsOf(text).map(({ id }) => id));
        const anywhere = openLineReader((number) => names[number - 1]);
        expect(asJson(anywhere(entry.seq, text))).toEqual(asJson(entry));
        expect(markOf(text)?.attempt_id ?? null).toBe("attempt_id" in entry ? entry.attempt_id : null);
        const part = entry.type === "call.held" ? 0 : entry.type === "call.posted" || entry.type === "call.voided" ? 1 : null;
        expect(markOf(text)?.part ?? null).toBe(part);
        // An older line is the entry's own JSON, and has the same mark.
        expect(markOf(JSON.stringify(entry))).toEqual(markOf(text));
      }
    }),
    { numRuns: 300 },
  );
});

test("a line that names an account that was never opened is refused", () => {
  const read = openLineReader();
  const text = '["x",1,"c.1",0,["5",1,1],"9 5"]';
  expect(() => read(3, text)).toThrow(/account 9, which was never opened/);
  expect(() => read(3, '["?",1,"c.1",0]')).toThrow(/unknown kind/);
});
