/** `bursar verify` on a directory, whether a server runs there or not. Money path: fails closed. */
import { existsSync } from "node:fs";
import { BursarError } from "../../accounting/errors.js";
import { apply } from "../../accounting/ledger/apply.js";
import type { State } from "../../accounting/ledger/state.js";
import { openVerifier, type StoredLine, type Verified, type Violation } from "../../accounting/ledger/verify.js";
import { type ChainEnd, sha256 } from "./chain-check.js";
import { DEFAULT_DRIVER } from "./driver.js";
import { type Head, readHead } from "./head-file.js";
import { layoutOf } from "./layout.js";
import { readerBehind } from "./load.js";
import { stateRows } from "./state-rows.js";
import { openThread, type Thread } from "./thread.js";

/** Every stored line from a number on, in order, as far as the log goes now. */
export async function* storedLines(reader: Thread, fromSeq: number): AsyncGenerator<StoredLine> {
  let next = fromSeq;
  for (;;) {
    const lines = await reader.ask<readonly StoredLine[]>("stored", next);
    const last = lines.at(-1);
    if (last === undefined) return;
    yield* lines;
    next = last.seq + 1;
  }
}

/** Rows of two states that differ, by name. */
function differences(stored: State, folded: State): string[] {
  const name = ({ kind, key }: { kind: string; key: string }): string => `${kind} ${key}`;
  const expected = new Map(stateRows(folded).map((row) => [name(row), row.json]));
  const found: string[] = [];
  for (const row of stateRows(stored)) {
    if (expected.get(name(row)) !== row.json) found.push(name(row));
    expected.delete(name(row));
  }
  return [...found, ...expected.keys()];
}

/** What is promised elsewhere than in the log. Read before the log, so that a running server cannot have moved on. */
interface Promises {
  readonly head: Head | null;
  readonly checkpoint: { readonly state: State; readonly end: ChainEnd } | null;
  readonly violations: readonly Violation[];
}

async function readPromises(reader: Thread, headPath: string): Promise<Promises> {
  const head = existsSync(headPath) ? readHead(headPath) : null;
  try {
    return { head, checkpoint: await reader.ask("checkpoint"), violations: [] };
  } catch (error) {
    if (!(error instanceof BursarError) || error.code !== "ledger_corrupt") throw error;
    return { head, checkpoint: null, violations: [{ seq: Number(error.details.seq), rule: "I5", message: error.message }] };
  }
}

/** A promised entry that the log does not have, or has otherwise. `found` is the log's hash at that number. */
function brokenPromise(known: ChainEnd, found: string | undefined, of: { where: string; last: number }): Violation[] {
  if (known.seq === 0) return [];
  if (known.seq > of.last) {
    const seq = of.last + 1;
    return [
      {
        seq,
        rule: "sequence",
        message: `Entry ${seq} is gone: the ${of.where} is at entry ${known.seq}, and the log ends with ${of.last}.`,
      },
    ];
  }
  if (known.hash === found) return [];
  return [{ seq: known.seq, rule: "hash", message: `Entry ${known.seq} is another one than the ${of.where} names.` }];
}

/** The checkpoint's balances with the log's tail folded over them, against the fold of the whole log. */
async function balanceViolations(
  reader: Thread,
  checkpoint: { state: State; end: ChainEnd },
  verified: Verified,
): Promise<Violation[]> {
  const { state, end } = checkpoint;
  const read = readerBehind(state);
  for await (const line of storedLines(reader, end.seq + 1)) {
    if (line.seq > verified.state.seq) break;
    apply(state, read(line.seq, line.json));
  }
  return differences(state, verified.state).map((name) => {
    return { seq: end.seq, rule: "I5", message: `The stored balance of ${name} is not the fold of the log at entry ${end.seq}.` };
  });
}

/**
 * Checks a whole ledger: sequence, chain, invariants, stored balances and the last acknowledged entry. Only reads, needs
 * no lock; what a running server appends meanwhile is left to the next check. The first violation is the earliest.
 */
export async function verifyFile(directory: string, options: { driver?: string } = {}): Promise<Verified> {
  const layout = layoutOf(directory);
  if (!existsSync(layout.ledger))
    throw new BursarError("not_found", `There is no ledger in ${directory}. Name its directory: --data DIR.`);
  const { thread: reader } = await openThread<null>("read-worker", {
    directory,
    driver: options.driver ?? DEFAULT_DRIVER,
    checkedAtStart: 0,
  });
  try {
    const { head, checkpoint, violations: found } = await readPromises(reader, layout.head);
    const known = [
      { where: "head file", end: head },
      { where: "last checkpoint", end: checkpoint?.end ?? null },
    ];
    const hashes = new Map<number, string>();
    const verifier = openVerifier({ sha256 });
    for await (const line of storedLines(reader, 1)) {
      verifier.check(line);
      if (known.some(({ end }) => end?.seq === line.seq)) hashes.set(line.seq, line.hash ?? "");
    }
    const verified = verifier.finish();
    const last = verified.state.seq;
    const broken = known.flatMap(({ where, end }) =>
      end === null ? [] : brokenPromise(end, hashes.get(end.seq), { where, last }),
    );
    const violations = [...found, ...verified.violations, ...broken];
    if (violations.length === 0 && checkpoint !== null)
      violations.push(...(await balanceViolations(reader, checkpoint, verified)));
    return { ...verified, violations: violations.sort((a, b) => a.seq - b.seq) };
  } finally {
    await reader.close();
  }
}
