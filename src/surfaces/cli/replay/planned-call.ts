/** What each row of a trace becomes: whose call, on which model, streamed or not, with which misfortune. All from a seed. */
import { fingerprint, openChance } from "../../../providers/simulated/chance.js";
import { busyAgent, type FleetAgent, type FleetModel } from "./fleet.js";
import type { TraceRow } from "./trace-row.js";

/** A call to make. */
export interface PlannedCall {
  /** `x-sim-key`: the bill names the call by it. */
  readonly key: string;
  readonly at_ms: number;
  readonly agent: FleetAgent;
  readonly task: string;
  readonly model: FleetModel;
  readonly stream: boolean;
  /** Output cap that the client sets; null when it sets none. */
  readonly cap: number | null;
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  /** Tokens, by Bursar's estimate, of the prompt that is sent: off the truth as estimates are. */
  readonly prompt_tokens: number;
  /** `x-sim-fault`, or null. */
  readonly fault: string | null;
  /** The client leaves after the first piece of the stream. */
  readonly leaves: boolean;
}

/** How the plan is drawn. */
export interface PlanOptions {
  readonly seed: string;
  readonly fleet: readonly FleetAgent[];
  /** Share of calls that meet a fault, in thousandths. */
  readonly faults_permille: number;
}

type Chance = ReturnType<typeof openChance>;

/** Turns rows into calls, one after another. The same seed and rows give the same calls. */
export interface Planner {
  next(row: TraceRow): PlannedCall;
}

const STREAMED_PERCENT = 60;
const CAPPED_PERCENT = 60;
/** Of the capped calls so many are cut short by their own cap. */
const SHORT_CAP_PERCENT = 5;
const CAP_STEP = 64;
/** Anthropic's API takes no request without a cap; SDK users write a round one. */
const ANTHROPIC_CAP = 4096;
/** Calls of a task where the trace names none. */
const TASK_CALLS_MIN = 8;
const TASK_CALLS_SPREAD = 40;
/** A prompt's estimate is within this many percent of what the provider counts. */
const ESTIMATE_ERROR_PERCENT = 7;

function capOf(chance: Chance, row: TraceRow, model: FleetModel): number | null {
  if (chance.below(100) >= CAPPED_PERCENT) return model.provider === "anthropic" ? Math.max(ANTHROPIC_CAP, row.output) : null;
  if (chance.below(100) < SHORT_CAP_PERCENT) return Math.max(1, Math.floor(row.output / 2));
  const room = Math.ceil((row.output * (100 + chance.below(100))) / 100);
  return Math.max(CAP_STEP, Math.ceil(room / CAP_STEP) * CAP_STEP);
}

function faultOf(chance: Chance, of: { stream: boolean; output: number }): { fault: string | null; leaves: boolean } {
  const after = 1 + chance.below(Math.max(1, of.output));
  const whole = [`reset-after=${after}`, "429*1", "500", "529*1", "no-usage"];
  const streamed = [...whole, `error-event=${after}`, null];
  const from = of.stream ? streamed : whole;
  const fault = from[chance.below(from.length)] ?? null;
  return { fault, leaves: fault === null };
}

/** Opens a planner at the first row. Remembers one open task per agent. */
export function openPlanner(options: PlanOptions): Planner {
  const { seed, fleet, faults_permille } = options;
  const run = fingerprint(seed, "run").slice(0, 8);
  const tasks = new Map<string, { number: number; left: number }>();
  let index = 0;

  function taskOf(chance: Chance, agent: FleetAgent): string {
    const open = tasks.get(agent.name) ?? { number: 0, left: 0 };
    const begins = open.left === 0;
    const left = begins ? TASK_CALLS_MIN + chance.below(TASK_CALLS_SPREAD) : open.left;
    const number = begins ? open.number + 1 : open.number;
    tasks.set(agent.name, { number, left: left - 1 });
    return `${agent.name}-task-${number}`;
  }

  return {
    next(row) {
      index += 1;
      const chance = openChance(fingerprint(seed, String(index)));
      const owner =
        row.task === null ? busyAgent(chance, fleet.length) : openChance(fingerprint(seed, row.task)).below(fleet.length);
      const agent = fleet[owner] as FleetAgent;
      const model = agent.models[chance.below(agent.models.length)] as FleetModel;
      const stream = chance.below(100) < STREAMED_PERCENT;
      const error = chance.below(2 * ESTIMATE_ERROR_PERCENT + 1) - ESTIMATE_ERROR_PERCENT;
      const misfortune = chance.below(1000) < faults_permille;
      return {
        key: `${run}-${index}`,
        at_ms: row.at_ms,
        agent,
        task: row.task ?? taskOf(chance, agent),
        model,
        stream,
        cap: capOf(chance, row, model),
        input: row.input,
        cached: row.cached,
        output: row.output,
        prompt_tokens: Math.max(1, Math.round((row.input * (100 + error)) / 100)),
        ...(misfortune ? faultOf(chance, { stream, output: row.output }) : { fault: null, leaves: false }),
      };
    },
  };
}
