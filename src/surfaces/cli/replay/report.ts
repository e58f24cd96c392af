/** What a replay found: the checks that must hold, a table for a person, and the same as JSON. */
import { usdText } from "../../../accounting/units/money.js";
import { type Block, left, right } from "../../../desk/shown.js";
import type { Verified } from "./books.js";
import type { Sum, Tally } from "./tally.js";

/** One thing that must be true after every replay. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
}

/** A finished replay. */
export interface Result {
  readonly file: string;
  readonly format: string;
  readonly seed: string;
  readonly seconds: number;
  readonly tally: Tally;
  readonly verified: Verified;
}

const AGENTS_SHOWN = 10;
const usd = (nano: bigint): string => `$${usdText(nano).replace(/^-/, "−")}`;
const sumText = ({ calls, nano }: Sum): string => `${calls} (${usd(nano)})`;

/** The standing checks: every black-box test ends with them (design: 3-accounting, "How it is tested"). */
export function checksOf({ tally, verified }: Pick<Result, "tally" | "verified">): readonly Check[] {
  const { exact, unsure, unexplained } = tally;
  return [
    {
      name: "bill − posted = 0 where usage arrived",
      ok: exact.difference === 0n && exact.wrong === 0,
      found: `${exact.calls} calls, difference ${exact.difference} nano, ${exact.wrong} wrong`,
    },
    {
      name: "posted ≥ bill, or a named overrun, where it did not",
      ok: unexplained.calls === 0,
      found: `${unsure.calls} calls, ${unsure.covered} covered, ${unexplained.calls} unexplained`,
    },
    { name: "no refusal was false", ok: tally.false_refusals === 0, found: `${tally.false_refusals} false` },
    { name: "nothing is pending", ok: tally.pending === 0, found: `${tally.pending} pending` },
    { name: "every call was answered", ok: tally.unanswered === 0, found: `${tally.unanswered} unanswered` },
    {
      name: "the log verifies",
      ok: verified.ok,
      found: `${verified.entries} entries, ${verified.violations} violations`,
    },
  ];
}

function refusedCalls(tally: Tally): number {
  let count = 0;
  for (const { final, waiting } of tally.refused.values()) count += final + waiting;
  return count;
}

function figures(tally: Tally): readonly (readonly [string, string])[] {
  const { exact, unsure } = tally;
  return [
    ["calls", String(tally.calls)],
    ["admitted", String(tally.admitted)],
    ["refused", String(refusedCalls(tally))],
    ...[...tally.refused].map(
      ([name, { final, waiting }]) => [`  by ${name}`, `${final} for good, ${waiting} asked to wait`] as const,
    ),
    ["cut", String(tally.cut)],
    ["left by the client", String(tally.left)],
    ["retried", String(tally.retried)],
    ...[...tally.failed].map(([status, count]) => [`failed with ${status}`, String(count)] as const),
    ["spent (posted)", usd(tally.spent.nano)],
    ["bill", usd(tally.bill.nano)],
    ["difference where usage arrived", `${exact.difference} nano in ${exact.calls} calls`],
    ["without usage", `${unsure.calls} calls: ${usd(unsure.nano)} counted, ${usd(unsure.billed)} billed`],
    ...[...tally.beyond].map(([cause, sum]) => [`billed beyond, ${cause}`, sumText(sum)] as const),
    ...[...tally.overruns].map(([cause, sum]) => [`overrun ${cause}`, sumText(sum)] as const),
    ["presumed", sumText(tally.presumed)],
    ["pending", String(tally.pending)],
  ];
}

function topAgents(tally: Tally) {
  return [...tally.agents]
    .sort(([, one], [, other]) => (one.spent < other.spent ? 1 : one.spent > other.spent ? -1 : 0))
    .slice(0, AGENTS_SHOWN);
}

/** The table at the end. */
export function shownResult(result: Result): readonly Block[] {
  const { tally } = result;
  const agents = topAgents(tally);
  return [
    `${result.file} (${result.format}), seed ${result.seed}, ${result.seconds.toFixed(1)} s`,
    { columns: [left("What"), right("Figure")], rows: figures(tally).map(([what, figure]) => [what, figure]) },
    {
      title: `Agents by spend (${agents.length} of ${tally.agents.size})`,
      columns: [left("Agent"), right("Calls"), right("Refused"), right("Spent")],
      rows: agents.map(([name, agent]) => [name, String(agent.calls), String(agent.refused), usd(agent.spent)]),
      empty: "No agent made a call.",
    },
    {
      title: "Checks",
      columns: [left(""), left("Check"), left("Found")],
      rows: checksOf(result).map((check) => [check.ok ? "ok" : "FAILED", check.name, check.found]),
    },
    ...tally.findings,
  ];
}

const sumJson = ({ calls, nano }: Sum) => ({ calls, usd: usdText(nano) });
const sumsJson = (sums: ReadonlyMap<string, Sum>) => Object.fromEntries([...sums].map(([name, sum]) => [name, sumJson(sum)]));

/** All figures; money as decimal dollars, exact to the nano. */
export function resultJson(result: Result): Readonly<Record<string, unknown>> {
  const { file, format, seed, seconds, tally, verified } = result;
  return {
    file,
    format,
    seed,
    seconds,
    calls: tally.calls,
    admitted: tally.admitted,
    refused: Object.fromEntries(tally.refused),
    refused_total: refusedCalls(tally),
    false_refusals: tally.false_refusals,
    cut: tally.cut,
    left: tally.left,
    retried: tally.retried,
    failed: Object.fromEntries(tally.failed),
    unanswered: tally.unanswered,
    spent: sumJson(tally.spent),
    bill: sumJson(tally.bill),
    usage_arrived: { ...sumJson(tally.exact), difference_nano: String(tally.exact.difference), wrong: tally.exact.wrong },
    usage_missing: { ...sumJson(tally.unsure), billed_usd: usdText(tally.unsure.billed), covered: tally.unsure.covered },
    billed_beyond: sumsJson(tally.beyond),
    overruns: sumsJson(tally.overruns),
    presumed: sumJson(tally.presumed),
    pending: tally.pending,
    unexplained: sumJson(tally.unexplained),
    verified,
    checks: checksOf(result),
    findings: tally.findings,
    agents: Object.fromEntries(
      [...tally.agents].map(([name, { calls, refused, spent }]) => [name, { calls, refused, spent_usd: usdText(spent) }]),
    ),
  };
}
