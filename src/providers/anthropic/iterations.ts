/**
 * `usage.iterations`: one request that ran a model several times, or several models (tools at the provider, compaction, an
 * advisor, a fallback). Money path: fails closed — a run that cannot be read rejects the usage, and what the total shows
 * beyond the runs is counted as one more.
 * Sources: https://platform.claude.com/docs/en/api/messages, .../build-with-claude/compaction and
 * .../build-with-claude/refusals-and-fallback (read November 2026).
 */
import type { UsageCounts, UsagePart } from "../../accounting/meter/usage.js";
import { isObject } from "../request-fields.js";
import { countOf, detailsOf, reject, requiredCount } from "../usage-count.js";
import { cacheWritesOf } from "./cache-writes.js";

/** Classes that every run has its own count of. */
const RUN_CLASSES = ["input_fresh", "cache_read", "cache_write_5m", "cache_write_1h", "output_text"] as const;

type RunCounts = Readonly<Record<(typeof RUN_CLASSES)[number], number>>;

/** One run, read. */
export interface Run {
  readonly type: string;
  readonly model: string | null;
  readonly counts: RunCounts;
}

/** Runs read of one usage; more are no usage of one request. */
const RUNS_MAX = 1_000;

function readRun(entry: unknown): Run {
  if (!isObject(entry)) return reject("not_a_count");
  const split = detailsOf(entry, "cache_creation");
  const writes = cacheWritesOf({
    cache_write: countOf(entry, "cache_creation_input_tokens"),
    write_5m: countOf(split, "ephemeral_5m_input_tokens"),
    write_1h: countOf(split, "ephemeral_1h_input_tokens"),
  });
  return {
    type: typeof entry.type === "string" ? entry.type.slice(0, 64) : "message",
    model: typeof entry.model === "string" ? entry.model.slice(0, 256) : null,
    counts: {
      input_fresh: requiredCount(entry, "input_tokens"),
      cache_read: countOf(entry, "cache_read_input_tokens") ?? 0,
      cache_write_5m: writes.cache_write_5m ?? 0,
      cache_write_1h: writes.cache_write_1h ?? 0,
      output_text: requiredCount(entry, "output_tokens"),
    },
  };
}

/** The runs that a usage lists; null when it lists none. Rejects a list that cannot be read. */
export function runsOf(iterations: unknown): readonly Run[] | null {
  if (iterations === undefined || iterations === null) return null;
  if (!Array.isArray(iterations)) return reject("not_a_count");
  if (iterations.length > RUNS_MAX) return reject("too_large");
  return iterations.length === 0 ? null : iterations.map(readRun);
}

/** Runs that the total of the usage leaves out, by the documentation. */
const BESIDE_TOTAL: ReadonlySet<string> = new Set(["compaction", "advisor_message"]);

/**
 * Runs that are billed. A model that declined before it gave any output is not (release notes of the API, read November
 * 2026): its run stands before the one of the model that took over, without output.
 */
function billedRuns(runs: readonly Run[]): readonly Run[] {
  const served = runs.findLastIndex((run) => run.type === "fallback_message");
  const by = runs[served]?.model;
  return runs.filter((run, index) => {
    const declined = index < served && run.type === "message" && run.model !== by && run.counts.output_text === 0;
    return !declined;
  });
}

function sumOf(runs: readonly Run[]): RunCounts {
  const sums = RUN_CLASSES.map((name) => [name, runs.reduce((sum, run) => sum + run.counts[name], 0)] as const);
  return Object.fromEntries(sums) as RunCounts;
}

/** What the total shows beyond the runs it is made of, as a run of the model that answered; null when nothing. */
function beyondRuns(total: RunCounts, runs: readonly Run[]): Run | null {
  const known = sumOf(runs.filter((run) => !BESIDE_TOTAL.has(run.type)));
  const rest = RUN_CLASSES.map((name) => [name, Math.max(0, total[name] - known[name])] as const);
  if (rest.every(([, count]) => count === 0)) return null;
  return { type: "rest", model: null, counts: Object.fromEntries(rest) as RunCounts };
}

/** Divides the reasoning that only the total tells over the runs' outputs, as far as they go. */
function partsOf(runs: readonly Run[], reasoning: number): UsagePart[] {
  let left = reasoning;
  return runs.map((run) => {
    const within = BESIDE_TOTAL.has(run.type) ? 0 : Math.min(left, run.counts.output_text);
    left -= within;
    const thinking = within === 0 ? {} : { reasoning: within };
    const counts = { ...run.counts, output_text: run.counts.output_text - within, ...thinking };
    return run.model === null ? { counts } : { counts, model: run.model };
  });
}

/** Counts of a usage that ran several times, their sum, and what was found. */
export interface RunsRead {
  readonly counts: UsageCounts;
  readonly parts: readonly UsagePart[];
  readonly flags: readonly string[];
}

/** Joins the runs with what the total says. Events (requests, searches) are the total's and stand in the first part. */
export function joinRuns(total: UsageCounts, listed: readonly Run[], service_tier: string | undefined): RunsRead {
  const { input_fresh = 0, cache_read = 0, cache_write_5m = 0, cache_write_1h = 0, reasoning = 0, output_text = 0 } = total;
  const whole: RunCounts = { input_fresh, cache_read, cache_write_5m, cache_write_1h, output_text: output_text + reasoning };
  const billed = billedRuns(listed);
  const rest = beyondRuns(whole, billed);
  const runs = rest === null ? billed : [...billed, rest];
  const sums = sumOf(runs);
  if (!Object.values(sums).every(Number.isSafeInteger)) return reject("too_large");
  const tier = service_tier === undefined ? {} : { service_tier };
  const { requests, web_searches } = total;
  const events = { ...(requests === undefined ? {} : { requests }), ...(web_searches === undefined ? {} : { web_searches }) };
  const parts = partsOf(runs, reasoning).map((part, index) =>
    index === 0 ? { ...part, counts: { ...part.counts, ...events }, ...tier } : { ...part, ...tier },
  );
  const told = parts.reduce((sum, part) => sum + (part.counts.reasoning ?? 0), 0);
  const split = total.reasoning === undefined ? {} : { reasoning: told };
  const counts: UsageCounts = { ...total, ...sums, output_text: sums.output_text - told, ...split };
  return { counts, parts, flags: rest === null ? ["usage_iterations"] : ["usage_iterations", "iterations_mismatch"] };
}
