import { z } from "zod";
import type { State } from "../accounting/ledger/state.js";
import { defineCommand } from "./command.js";
import { left, right } from "./shown.js";

const violationSchema = z.object({ seq: z.number(), rule: z.string(), message: z.string() });

/** Differences reported at most. */
const DIFFERENCES_MAX = 100;

/** I5: what is served is the fold of what is stored. Null when the log has grown since it was read. */
function differences(served: State, folded: State): z.output<typeof violationSchema>[] | null {
  if (served.seq !== folded.seq) return null;
  const found: z.output<typeof violationSchema>[] = [];
  const ids = new Set([...served.accounts.keys(), ...folded.accounts.keys()]);
  for (const id of ids) {
    const one = served.accounts.get(id);
    const other = folded.accounts.get(id);
    if (one?.used === other?.used && one?.held === other?.held && one?.presumed === other?.presumed) continue;
    const message = `Account ${id} is served as used ${one?.used ?? "none"}, held ${one?.held ?? "none"}; the log says ${other?.used ?? "none"}, ${other?.held ?? "none"}.`;
    if (found.length < DIFFERENCES_MAX) found.push({ seq: folded.seq, rule: "I5", message });
  }
  return found;
}

/** `verify`: reads the whole log and checks sequence, hash chain, invariants, and that what is served is its fold. */
export const verify = defineCommand({
  name: "verify",
  summary: "Check the whole log: order, hash chain, invariants, and that the balances served are its sum",
  permission: "read",
  method: "GET",
  path: "/verify",
  input: z.strictObject({}),
  output: z.object({
    ok: z.boolean(),
    entries: z.number(),
    as_of_seq: z.number(),
    hash: z.string().describe("of the last entry; note it elsewhere and nobody can rewrite the log unseen"),
    balances_compared: z.boolean().describe("false when entries were written while the log was read"),
    violations: z.array(violationSchema),
  }),
  changes: false,
  async run(needs) {
    const verified = await needs.verify();
    const compared = differences(needs.ledger.state(), verified.state);
    const violations = [...verified.violations, ...(compared ?? [])];
    return {
      ok: violations.length === 0,
      entries: verified.entries,
      as_of_seq: verified.state.seq,
      hash: verified.hash,
      balances_compared: compared !== null,
      violations,
    };
  },
  failed: (result) => !result.ok,
  show: (result) =>
    result.ok
      ? [
          `The log is whole: ${result.entries} entries, hash chain unbroken, every invariant kept.`,
          result.balances_compared
            ? "The balances served are exactly the sum of the log."
            : "The log grew while it was read, so balances were not compared; ask again in a quiet moment.",
          `Hash of entry ${result.as_of_seq}: ${result.hash}`,
        ]
      : [
          `The log is NOT whole: first at entry ${result.violations[0]?.seq ?? 0}.`,
          {
            columns: [right("Entry"), left("Rule"), left("What is wrong")],
            rows: result.violations.map((one) => [String(one.seq), one.rule, one.message]),
          },
        ],
  cli: { positional: [], example: "bursar verify" },
});
