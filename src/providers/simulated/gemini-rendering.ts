/**
 * Gemini's generateContent as the API reference shows it: https://ai.google.dev/api/generate-content (as server-sent events
 * with CRLF, or as one JSON array without `alt=sse`), read November 2026. Usage comes with every chunk and is cumulative;
 * a count of 0 is left out.
 */
import type { Finish, Step } from "./answer.js";
import type { Consumption } from "./bill.js";
import { idChars } from "./chance.js";
import { type Block, blocksOf, type Rendering, type ReplyHead, secondReport, told } from "./rendering.js";

const FINISH: Readonly<Record<Finish, string>> = { stop: "STOP", length: "MAX_TOKENS", tool: "STOP" };

function usageJson(consumption: Consumption, head: ReplyHead): string {
  const { input, found, cached, output, reasoning } = consumption;
  const fields: string[] = [];
  const say = (name: string, count: number): void => {
    if (count > 0 || head.lie !== null) fields.push(`"${name}":${told(count, head.lie)}`);
  };
  say("promptTokenCount", input - found);
  if (cached > 0) fields.push(`"cachedContentTokenCount":${cached}`);
  say("candidatesTokenCount", output - reasoning);
  if (found > 0) say("toolUsePromptTokenCount", found);
  if (reasoning > 0) say("thoughtsTokenCount", reasoning);
  say("totalTokenCount", input + output);
  fields.push(`"promptTokensDetails":[{"modality":"TEXT","tokenCount":${input - found}}]`);
  return `{${fields.join(",")}}`;
}

type Part = Readonly<Record<string, unknown>>;

/** A call whose arguments were cut off is no call: nothing of it is shown. */
function callPart(
  block: { readonly name: string; readonly id: string; readonly text: string },
  head: ReplyHead,
): readonly Part[] {
  let args: unknown;
  try {
    args = JSON.parse(block.text);
  } catch {
    // Cut off by maxOutputTokens in the middle of the arguments.
    return [];
  }
  const signature = Buffer.from(idChars(head.seed, 48)).toString("base64");
  return [{ functionCall: { id: block.id.slice(0, 8), name: block.name, args }, thoughtSignature: signature }];
}

function partsOf(block: Block, head: ReplyHead): readonly Part[] {
  if (block.block === "tool") return callPart(block, head);
  if (block.text === "") return [];
  return [block.block === "thinking" ? { text: block.text, thought: true } : { text: block.text }];
}

function grounding(queries: readonly string[]): Readonly<Record<string, unknown>> {
  if (queries.length === 0) return {};
  const web = { uri: "https://example.com/found", title: "example.com" };
  return { groundingMetadata: { webSearchQueries: queries, groundingChunks: [{ web }], groundingSupports: [] } };
}

interface Candidate {
  readonly index: number;
  readonly parts: readonly Part[];
  readonly finish: Finish | null;
  readonly queries: readonly string[];
}

function candidateOf({ index, parts, finish, queries }: Candidate): unknown {
  const reason = finish === null ? {} : { finishReason: FINISH[finish] };
  return { content: { ...(parts.length === 0 ? {} : { parts }), role: "model" }, ...reason, index, ...grounding(queries) };
}

function replyJson(head: ReplyHead, candidates: readonly unknown[] | null, consumption: Consumption): string {
  const fields = [
    ...(candidates === null ? [] : [`"candidates":${JSON.stringify(candidates)}`]),
    ...(head.silent ? [] : [`"usageMetadata":${usageJson(consumption, head)}`]),
    `"modelVersion":${JSON.stringify(head.model)}`,
    `"responseId":"${head.id}"`,
  ];
  return `{${fields.join(",")}}`;
}

/** What a stream of steps shows, step by step: parts as soon as they are whole. */
function openParts(head: ReplyHead) {
  const calls = new Map<number, { readonly name: string; readonly id: string; text: string }>();
  return (step: Step): readonly Part[] => {
    const call = calls.get(step.choice);
    if (step.kind === "open" && step.block === "tool") calls.set(step.choice, { name: step.name, id: step.id, text: "" });
    if (step.kind === "arguments" && call !== undefined) call.text += step.text;
    if (step.kind === "text") return [{ text: step.text }];
    if (step.kind === "thinking") return [{ text: step.text, thought: true }];
    if (step.kind !== "close" || step.block !== "tool" || call === undefined) return [];
    calls.delete(step.choice);
    return callPart(call, head);
  };
}

/** Opens the rendering of one reply. */
export function geminiRendering(head: ReplyHead): Rendering {
  const array = head.request.framing === "json";
  const parts = openParts(head);
  const queries: string[] = [];
  let first = true;
  function chunk(json: string): string {
    if (!array) return `data: ${json}\r\n\r\n`;
    const before = first ? "[" : ",\r\n";
    first = false;
    return before + json;
  }
  return {
    begin: () => "",
    step(step, consumption) {
      if (step.kind === "search") queries.push(step.query);
      const shown = parts(step);
      const finish = step.kind === "finish" ? step.reason : null;
      if (shown.length === 0 && finish === null) return "";
      const candidate = { index: step.choice, parts: shown, finish, queries: finish === null ? [] : queries };
      return chunk(replyJson(head, [candidateOf(candidate)], consumption));
    },
    end(consumption) {
      const second = secondReport(consumption, head.lie);
      const last = chunk(replyJson(head, null, consumption));
      return last + (second === null ? "" : chunk(replyJson(head, null, second))) + (array ? "\r\n]\r\n" : "");
    },
    failure() {
      const error = { code: 503, message: "The model is overloaded. Please try again later.", status: "UNAVAILABLE" };
      return chunk(JSON.stringify({ error })) + (array ? "\r\n]\r\n" : "");
    },
    whole(steps, consumption) {
      const searched = steps.flatMap((step) => (step.kind === "search" ? [step.query] : []));
      const candidates = Array.from({ length: head.request.choices }, (_, index) => {
        const { blocks, finish } = blocksOf(steps, index);
        const shown = blocks.flatMap((block) => partsOf(block, head));
        return candidateOf({ index, parts: shown, finish, queries: searched });
      });
      return replyJson(head, candidates, consumption);
    },
  };
}
