/**
 * The mistakes that a simulation must find. Each is a change to the text of one file that ships, made in a build of its
 * own: what ships has no switch. Where the text has moved on, the build fails and says so: write the same mistake anew.
 */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "reclaim at expiry",
    file: "src/stores/journal.ts",
    from: '({ type: "presume", attempt_id, reason })',
    to: '({ type: "void", attempt_id, proof: reason })',
  },
  {
    name: "unjournalled dispatch",
    file: "src/stores/journal.ts",
    from: "if (results.some((result) => result.ok)) await writer.flushed();",
    to: "if (results.some((result) => result.ok)) writer.schedule();",
  },
  {
    name: "hold shrunk to headroom",
    file: "src/accounting/ledger/decide-hold.ts",
    from: "const amount = amountOfCeiling(step.opening, ceiling, 1n);",
    to: `const full = amountOfCeiling(step.opening, ceiling, 1n);
    const { left } = viewOf(state, step, now);
    const amount = left !== null && full > left ? left : full;`,
  },
  {
    name: "drop post on abort",
    file: "src/call/settle-stream.ts",
    from: "const cost = await settle(needs, attempt, outcomeOf(pump, end));",
    to: `if (end.kind === "left") return;
  const cost = await settle(needs, attempt, outcomeOf(pump, end));`,
  },
  {
    name: "sum cumulative usage",
    file: "src/providers/stream-usage.ts",
    from: "counts = read.counts;",
    to: "counts = Object.fromEntries(Object.entries(read.counts).map(([name, count]) => [name, count + (counts?.[name] ?? 0)]));",
  },
  {
    name: "skip one ancestor",
    file: "src/accounting/budget/accounts.ts",
    from: "return coveredBy(state, call, memo).map(",
    to: "return coveredBy(state, call, memo).filter((_, index) => index !== 1).map(",
  },
  {
    name: "window by wall clock",
    file: "src/accounting/budget/accounts.ts",
    from: 'const at = Math.max(now, budget.latest_start);\n  if (window.kind === "lifetime")',
    to: 'const at = now;\n  if (window.kind === "lifetime")',
  },
  {
    name: "a jump ahead is believed",
    file: "src/surfaces/steady-time.ts",
    from: "return steady;",
    to: "return wall;",
  },
  {
    name: "a day of the wall clock frees a key",
    file: "src/call/replies.ts",
    from: "isLive(known, now) || now - known.at < REMEMBERED_MS)",
    to: "isLive(known, now))",
  },
  {
    // What a key or a name stands for is a budget to the ledger; here it is one that is taken away.
    name: "refund on key delete",
    file: "src/accounting/ledger/apply.ts",
    from: 'if (change.kind === "removed") known.removed = true;',
    to: `if (change.kind === "removed") {
    known.removed = true;
    for (const account of state.accounts.values()) if (account.budget === entry.budget) account.used = 0n;
  }`,
  },
  {
    name: "price 0 for unknown",
    file: "src/call/send.ts",
    from: 'price_unknown: price === null && call.parsed.billed !== "nothing",',
    to: "price_unknown: false,",
  },
  {
    name: "retry reuses hold",
    file: "src/call/send.ts",
    from: "reply = await of.candidate.upstream.send(upstreamRequest(call, attempt), abort);",
    to: `const send = () => of.candidate.upstream.send(upstreamRequest(call, attempt), abort);
      reply = await send().catch(send);`,
  },
  {
    name: "duplicate post adds",
    file: "src/accounting/ledger/decide-settle.ts",
    from: "if (command.at_held !== true && done.nano === command.nano) return { ...DONE_BEFORE, nano: done.nano };",
    to: `if (command.at_held !== true && done.nano === command.nano) {
      const [account] = state.accounts.keys();
      const { nano, usage, outcome } = command;
      const head = { seq: state.seq + 1, at: using.now, type: "call.posted", call_id: attempt_id, attempt_id };
      const what = { agent: "a", model: "m", price_id: null, nano: String(nano), usage: usage.counts, evidence: usage.evidence };
      return { entries: [{ ...head, ...what, outcome, postings: [{ account, amount: String(nano) }] }], path: [], nano };
    }`,
  },
  {
    name: "forget to presume at restart",
    file: "src/stores/journal.ts",
    from: 'await applyAll(presumptions(crashed, "crash"));',
    to: "crashed.length = 0;",
  },
  {
    name: "go on after a refused extension",
    file: "src/call/extend-hold.ts",
    from: 'return extendOutput(needs, attempt).then((done) => (done || output <= attempt.held.output_tokens ? "go" : "cut"));',
    to: 'return extendOutput(needs, attempt).then(() => "go");',
  },
  {
    name: "go on after a failed sync",
    file: "src/stores/log-writer.ts",
    from: "fail(cause, batch);",
    to: "for (const waiter of batch.waiters) waiter.resolve();",
  },
];
