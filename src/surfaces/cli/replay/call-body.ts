/** Request bodies whose prompts are about as long as recorded: slices of one text, so that making them costs next to nothing. */
import { tokenRuleOf } from "../../../accounting/meter/count-tokens.js";
import { estimateTokens } from "../../../accounting/meter/estimate.js";
import { fingerprint, openChance } from "../../../providers/simulated/chance.js";
import type { PlannedCall } from "./planned-call.js";

/** Makes bodies. Holds one text of about a megabyte. */
export interface Bodies {
  /** JSON bytes in the dialect of the call's model. */
  body(call: PlannedCall): Buffer;
}

const TEXT_CHARS = 500_000;
const MESSAGE_CHARS = 6_000;
const FRAMING_TOKENS = 7;
// Plain words: nothing in them has to be escaped in JSON, and one character is one byte.
const WORDS = (
  "the agent reads a file and finds that value which every step of its plan needs before it can answer " +
  "customer order invoice table index branch commit failing test latency server region report summary question " +
  "please check whether number name date result matches what we expect then write it down in short sentences"
).split(" ");

function textFrom(seed: string): string {
  const chance = openChance(fingerprint(seed, "text"));
  let text = "";
  while (text.length < TEXT_CHARS) {
    const sentence = Array.from({ length: 6 + chance.below(12) }, () => WORDS[chance.below(WORDS.length)]);
    text += `${sentence.join(" ")}. `;
  }
  return text.slice(0, TEXT_CHARS);
}

/** Turns of a conversation from `from` on: pieces of the same size, so that a longer prompt of a task begins like a shorter. */
function turnsOf(text: string, from: number, length: number): readonly string[] {
  const turns: string[] = [];
  for (let at = 0; at < length; at += MESSAGE_CHARS) {
    const start = (from + at) % TEXT_CHARS;
    turns.push(text.slice(start, start + Math.min(MESSAGE_CHARS, length - at)));
  }
  // The last word is the user's.
  if (turns.length % 2 === 1) return turns;
  return [...turns.slice(0, -2), turns.slice(-2).join("")];
}

/** Opens the text; the same seed gives the same bodies. */
export function openBodies(seed: string): Bodies {
  const once = textFrom(seed);
  // Twice, so that a slice never runs out at the end.
  const text = once + once;
  const charsPerToken = once.length / estimateTokens(once);
  return {
    body(call) {
      const { model, cap, stream, task } = call;
      const { estimate_percent } = tokenRuleOf(`${model.provider}/${model.name}`);
      const tokens = Math.max(1, ((call.prompt_tokens - FRAMING_TOKENS) * 100) / estimate_percent);
      const from = Number.parseInt(fingerprint(task).slice(0, 8), 16) % TEXT_CHARS;
      const turns = turnsOf(text, from, Math.max(1, Math.round(tokens * charsPerToken)));
      const messages = turns.map((turn, index) => `{"role":"${index % 2 === 0 ? "user" : "assistant"}","content":"${turn}"}`);
      const limit = cap === null ? "" : `"${model.cap_field}":${cap},`;
      const json = `{"model":"${model.name}",${limit}"stream":${stream},"messages":[${messages.join(",")}]}`;
      return Buffer.from(json, "latin1");
    },
  };
}
