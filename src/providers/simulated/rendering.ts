/** What the dialects' renderings have in common. */
import type { Finish, Step } from "./answer.js";
import type { Consumption, EarlierRun } from "./bill.js";
import type { SimulatedRequest } from "./request.js";
import type { UsageLie } from "./steering.js";

/** What every frame of a reply repeats. */
export interface ReplyHead {
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  /** The model as the reply names it. */
  readonly model: string;
  readonly request: SimulatedRequest;
  /** Hex, for what looks random in a reply. */
  readonly seed: string;
  /** Usage is left out of the reply altogether. */
  readonly silent: boolean;
  readonly lie: UsageLie | null;
  /** The cost that an OpenAI-shaped usage tells, as JSON text. */
  readonly cost: string | null;
  readonly earlier: readonly EarlierRun[];
}

/** A dialect's bytes for a stream and for a whole reply. Money path: fails closed — what is reported is what is billed. */
export interface Rendering {
  /** Before the first step. */
  begin(consumption: Consumption): string;
  /** One step; empty when the dialect shows nothing for it. */
  step(step: Step, consumption: Consumption): string;
  /** After the last step. */
  end(consumption: Consumption): string;
  /** Instead of the end, when the provider breaks down in the middle. */
  failure(): string;
  /** The whole reply, from all of its steps. */
  whole(steps: readonly Step[], consumption: Consumption): string;
}

/** A block of a whole reply. */
export interface Block {
  readonly block: "text" | "thinking" | "tool";
  readonly name: string;
  readonly id: string;
  text: string;
}

/** The blocks and the finish of one choice. */
export function blocksOf(steps: readonly Step[], choice: number): { readonly blocks: readonly Block[]; readonly finish: Finish } {
  const blocks: Block[] = [];
  let finish: Finish = "stop";
  for (const step of steps) {
    if (step.choice !== choice) continue;
    if (step.kind === "open") {
      const tool = step.block === "tool" ? { name: step.name, id: step.id } : { name: "", id: "" };
      blocks.push({ block: step.block, ...tool, text: "" });
    } else if (step.kind === "finish") finish = step.reason;
    else if ("text" in step) {
      const last = blocks.at(-1);
      if (last !== undefined) last.text += step.text;
    }
  }
  return { blocks, finish };
}

/** A count as JSON text, made wrong as the lie asks. `nan` is no JSON: some servers do send it. */
export function told(count: number, lie: UsageLie | null): string {
  if (lie === "negative") return String(-Math.max(1, count));
  if (lie === "nan") return "NaN";
  if (lie === "string") return `"${count}"`;
  if (lie === "zero") return "0";
  if (lie === "huge") return "9007199254740993000";
  return String(count);
}

/** The consumption a second, decreasing report would tell. */
function halved(consumption: Consumption): Consumption {
  const { output, reasoning } = consumption;
  return { ...consumption, output: Math.floor(output / 2), reasoning: Math.floor(reasoning / 2) };
}

/** The consumption that a second report tells, when the reply is to tell one. */
export function secondReport(consumption: Consumption, lie: UsageLie | null): Consumption | null {
  if (lie === "twice") return consumption;
  return lie === "decreasing" ? halved(consumption) : null;
}

/** The end of an OpenAI-shaped usage: its cost, as OpenRouter tells it (https://openrouter.ai/docs/use-cases/usage-accounting, November 2026). */
export function costField(head: ReplyHead): string {
  return head.cost === null ? "" : `,"cost":${head.cost}`;
}
