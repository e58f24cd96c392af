/** What the simulated model says, step by step and lazily, so that a long answer takes no more memory than a short one. */
import { type Chance, fingerprint, idChars, openChance } from "./chance.js";
import type { DeclaredTool } from "./request.js";
import { countOwnTokens } from "./tokenizer.js";
import { toolArguments } from "./tool-arguments.js";
import { pieces } from "./words.js";

/** Why a choice ended, in neutral words. */
export type Finish = "stop" | "length" | "tool";

/** One thing the model does. Only steps with `tokens` cost anything. */
export type Step = { readonly choice: number; readonly tokens: number } & (
  | { readonly kind: "reasoning" }
  | { readonly kind: "open"; readonly block: "text" | "thinking" }
  | { readonly kind: "open"; readonly block: "tool"; readonly name: string; readonly id: string }
  | { readonly kind: "text" | "thinking" | "arguments"; readonly text: string }
  | { readonly kind: "close"; readonly block: "text" | "thinking" | "tool" }
  /** A web search at the provider; what it finds is input, billed as the model reads it. */
  | { readonly kind: "search"; readonly query: string; readonly id: string; readonly input_tokens: number }
  | { readonly kind: "finish"; readonly reason: Finish }
);

/** What decides an answer. Token figures are per choice. */
export interface AnswerPlan {
  /** Hex; the same one gives the same answer. */
  readonly seed: string;
  readonly permille: number;
  /** Exactly so many tokens, when the request says so. */
  readonly exact: number | null;
  /** No more than this; null without a cap. */
  readonly cap: number | null;
  readonly choices: number;
  readonly tool: DeclaredTool | null;
  /** The text is JSON of this schema instead of prose. */
  readonly document: { readonly schema: unknown } | null;
  /** Web searches before the answer. */
  readonly searches: number;
  /** Hidden reasoning before the answer. */
  readonly reasons: boolean;
  /** Visible thinking before the answer. */
  readonly thinks: boolean;
  /** Tokens per piece of text at least: providers differ in how finely they stream. */
  readonly grain: number;
}

const REASONING_STEP = 8;
const SLICE_CHARS = 6;
/** What a search brings back: a few thousand tokens, as the providers' own examples show, and not the same each time. */
const FOUND_LEAST = 1500;
const FOUND_SPREAD = 3000;

interface Budget {
  readonly chance: Chance;
  readonly plan: AnswerPlan;
  readonly choice: number;
  /** Tokens left under the cap. */
  room: number;
  /** Tokens left of the exact figure; null when the answer finds its own end. */
  wanted: number | null;
}

function spend(budget: Budget, tokens: number): void {
  budget.room -= tokens;
  if (budget.wanted !== null) budget.wanted -= tokens;
}

function* reasoning(budget: Budget): Generator<Step> {
  const { chance, choice } = budget;
  const natural = 64 * (1 + chance.below(4));
  let left = Math.min(budget.room, budget.wanted === null ? natural : Math.floor((budget.wanted * 2) / 5));
  while (left > 0) {
    const tokens = Math.min(REASONING_STEP, left);
    spend(budget, tokens);
    left -= tokens;
    yield { kind: "reasoning", choice, tokens };
  }
}

/** Words until the target is met; every step carries at least one token, as a provider's deltas do. */
function* prose(budget: Budget, kind: "text" | "thinking", natural: number, exact: number | null): Generator<Step> {
  const { plan, choice } = budget;
  const limit = Math.min(budget.room, exact ?? Number.POSITIVE_INFINITY);
  let [own, told, text] = [0, 0, ""];
  if (limit <= 0) return;
  for (const piece of pieces(budget.chance)) {
    own += piece.own;
    text += piece.text;
    const due = Math.floor((own * plan.permille) / 1000);
    const stops = (exact === null && due >= natural && piece.ends) || due >= limit;
    if (!stops && due - told < plan.grain) continue;
    const tokens = Math.min(Math.max(due - told, 1), limit - told);
    told += tokens;
    spend(budget, tokens);
    yield { kind, choice, text, tokens };
    text = "";
    if (stops || told >= limit) return;
  }
}

/** JSON that fits a schema, in slices of a few characters. */
function* jsonSlices(
  budget: Budget,
  kind: "arguments" | "text",
  asked: { readonly schema: unknown; readonly name: string },
): Generator<Step> {
  const { plan, choice, chance, wanted } = budget;
  const aim = wanted === null ? 0 : Math.ceil((wanted * 1000) / plan.permille);
  const json = toolArguments(asked.schema, chance, aim);
  const own = countOwnTokens(json) + countOwnTokens(asked.name);
  const total = wanted ?? Math.max(1, Math.floor((own * plan.permille) / 1000));
  const slices = Math.max(1, Math.min(Math.ceil(json.length / SLICE_CHARS), total));
  let told = 0;
  for (let i = 0; i < slices && budget.room > 0 && total > 0; i++) {
    const tokens = Math.min(Math.floor(((i + 1) * total) / slices) - told, budget.room);
    const text = json.slice(Math.floor((i * json.length) / slices), Math.floor(((i + 1) * json.length) / slices));
    told += tokens;
    spend(budget, tokens);
    yield { kind, choice, text, tokens };
  }
  if (wanted === null && told < total) budget.wanted = total - told;
}

function* callTool(budget: Budget, tool: DeclaredTool): Generator<Step> {
  const { plan, choice } = budget;
  const { name } = tool;
  yield { kind: "open", block: "tool", name, id: idChars(fingerprint(plan.seed, String(choice), "tool"), 24), choice, tokens: 0 };
  yield* jsonSlices(budget, "arguments", tool);
  yield { kind: "close", block: "tool", choice, tokens: 0 };
}

function* searches(budget: Budget): Generator<Step> {
  const { plan, choice, chance } = budget;
  for (let i = 0; i < plan.searches; i++) {
    const query = `simulated search ${i + 1}`;
    const id = idChars(fingerprint(plan.seed, String(i), "search"), 24);
    yield { kind: "search", choice, query, id, input_tokens: FOUND_LEAST + chance.below(FOUND_SPREAD), tokens: 0 };
  }
}

function* thinking(budget: Budget): Generator<Step> {
  const { choice, chance, wanted } = budget;
  yield { kind: "open", block: "thinking", choice, tokens: 0 };
  yield* prose(budget, "thinking", 20 + chance.below(60), wanted === null ? null : Math.floor((wanted * 2) / 5));
  yield { kind: "close", block: "thinking", choice, tokens: 0 };
}

function* choiceSteps(plan: AnswerPlan, choice: number): Generator<Step> {
  const chance = openChance(fingerprint(plan.seed, String(choice)));
  const budget: Budget = { chance, plan, choice, room: plan.cap ?? Number.POSITIVE_INFINITY, wanted: plan.exact };
  if (plan.reasons) yield* reasoning(budget);
  if (plan.thinks) yield* thinking(budget);
  if (plan.searches > 0 && choice === 0) yield* searches(budget);
  if (plan.tool !== null) {
    yield* callTool(budget, plan.tool);
    yield { kind: "finish", reason: (budget.wanted ?? 0) > 0 ? "length" : "tool", choice, tokens: 0 };
    return;
  }
  const natural = 40 + chance.below(140);
  yield { kind: "open", block: "text", choice, tokens: 0 };
  if (plan.document === null) yield* prose(budget, "text", natural, budget.wanted);
  else yield* jsonSlices(budget, "text", { schema: plan.document.schema, name: "" });
  yield { kind: "close", block: "text", choice, tokens: 0 };
  const cut = budget.room <= 0 && (budget.wanted === null || budget.wanted > 0);
  yield { kind: "finish", reason: cut ? "length" : "stop", choice, tokens: 0 };
}

/** The whole answer; several choices take turns, as providers stream them. */
export function* answerSteps(plan: AnswerPlan): Generator<Step> {
  let turns = Array.from({ length: plan.choices }, (_, choice) => choiceSteps(plan, choice));
  while (turns.length > 0) {
    const going: typeof turns = [];
    for (const steps of turns) {
      const next = steps.next();
      if (next.done === true) continue;
      going.push(steps);
      yield next.value;
    }
    turns = going;
  }
}
