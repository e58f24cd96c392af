/** A LangChain answer as the road reads it (@langchain/core 1.4, `usage_metadata`). Money path: fails closed. */
import { isObject } from "../../../providers/request-fields.js";
import type { WholeAnswer } from "../model-call/model-call-events.js";
import type { ToldUsage } from "../model-call/told-usage.js";

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : value === undefined || value === null ? "" : (JSON.stringify(value) ?? "");
}

function textsOf(message: Fields): string[] {
  const blocks = Array.isArray(message.content) ? message.content : [message.content];
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : [];
  const said = blocks.map((block) => text(isObject(block) ? (block.text ?? block.thinking ?? block.reasoning) : block));
  return [...said, ...calls.map((call) => text(call.name) + text(call.args))].filter((each) => each !== "");
}

function usageOf(of: { usage: Fields; totals: Fields; choices: number; tier: string | null }): ToldUsage | null {
  const { usage, totals, choices, tier } = of;
  // Of several answers only the totals of the whole request are told.
  const several = choices > 1 && numberOf(totals.completionTokens) !== null;
  const input = several ? numberOf(totals.promptTokens) : (numberOf(usage.input_tokens) ?? numberOf(totals.promptTokens));
  const output = several
    ? numberOf(totals.completionTokens)
    : (numberOf(usage.output_tokens) ?? numberOf(totals.completionTokens));
  if (input === null && output === null) return null;
  const into = fieldsOf(usage.input_token_details);
  const out = fieldsOf(usage.output_token_details);
  return {
    input,
    cache_read: numberOf(into.cache_read),
    cache_write: numberOf(into.cache_creation),
    cache_write_1h: numberOf(into.ephemeral_1h_input_tokens),
    input_audio: numberOf(into.audio),
    output,
    reasoning: several ? null : numberOf(out.reasoning),
    output_audio: several ? null : numberOf(out.audio),
    web_searches: null,
    service_tier: tier,
  };
}

/** Reads an `LLMResult`. `tier`: the service tier that was asked for. */
export function langChainAnswer(result: unknown, tier: string | null): WholeAnswer {
  const { generations, llmOutput } = fieldsOf(result);
  const first: unknown = Array.isArray(generations) ? generations[0] : null;
  const answers = (Array.isArray(first) ? first : []).filter(isObject);
  const messages = answers.map((answer) => fieldsOf(answer.message));
  const message = messages[0] ?? {};
  const about = fieldsOf(message.response_metadata);
  const served = about.service_tier;
  const output = fieldsOf(llmOutput);
  const usage = usageOf({
    usage: fieldsOf(message.usage_metadata),
    totals: fieldsOf(output.tokenUsage ?? output.estimatedTokenUsage),
    choices: answers.length,
    tier: typeof served === "string" ? served : tier === "priority" ? tier : null,
  });
  const model = about.model_name ?? about.model;
  return {
    texts: answers.flatMap((answer, index) =>
      answer.message === undefined ? [text(answer.text)] : textsOf(messages[index] ?? {}),
    ),
    usage,
    id: typeof message.id === "string" ? message.id : null,
    model: typeof model === "string" ? model : null,
  };
}
