/** What one choice of a chunk adds to the output. Money path: fails closed — every text a model produced is metered. */
import type { OutputMeter } from "../meter-output.js";
import { type Fields, isObject } from "../request-fields.js";

/**
 * Base64 characters of streamed audio per token: pcm16 at 24 kHz mono is 48,000 bytes a second, and a token is 50 ms of
 * output audio. Source: https://platform.openai.com/docs/guides/realtime-costs (read November 2026).
 */
const AUDIO_CHARACTERS_PER_TOKEN = 3200;

function meterText(meter: OutputMeter, value: unknown): void {
  if (typeof value === "string") meter.text(value);
}

/** Meters streamed audio, given as base64. */
export function meterAudio(meter: OutputMeter, data: unknown): void {
  if (typeof data === "string") meter.add(Math.ceil(data.length / AUDIO_CHARACTERS_PER_TOKEN));
}

function meterCall(meter: OutputMeter, call: unknown): void {
  if (!isObject(call)) return;
  meterText(meter, call.name);
  meterText(meter, call.arguments);
  meterText(meter, call.input);
}

/**
 * Meters content, which some servers also write as parts: text, and thinking that holds texts of its own
 * (https://docs.mistral.ai/capabilities/reasoning, read November 2026).
 */
function meterContent(meter: OutputMeter, content: unknown): void {
  meterText(meter, content);
  if (!Array.isArray(content)) return;
  for (const part of content) {
    if (!isObject(part)) continue;
    meterText(meter, part.text);
    meterText(meter, part.thinking);
    if (Array.isArray(part.thinking)) {
      for (const thought of part.thinking) if (isObject(thought)) meterText(meter, thought.text);
    }
  }
}

/** Meters a `delta` of a chunk or a `message` of a whole reply: text, reasoning, refusal, tool calls, audio. */
export function meterMessage(meter: OutputMeter, message: Fields): void {
  meterContent(meter, message.content);
  meterText(meter, message.reasoning_content);
  meterText(meter, message.reasoning);
  meterText(meter, message.refusal);
  if (Array.isArray(message.tool_calls)) {
    for (const call of message.tool_calls) {
      if (!isObject(call)) continue;
      meterCall(meter, call.function);
      meterCall(meter, call.custom);
    }
  }
  meterCall(meter, message.function_call);
  if (isObject(message.audio)) {
    meterText(meter, message.audio.transcript);
    meterAudio(meter, message.audio.data);
  }
}

/** An error as a word: its code, else its type, else its message; null when there is none. */
export function errorWord(error: unknown): string | null {
  if (error === undefined || error === null || error === false) return null;
  if (typeof error === "string") return error.slice(0, 120);
  if (!isObject(error)) return "error";
  for (const value of [error.code, error.type, error.message]) {
    if (typeof value === "string" && value !== "") return value.slice(0, 120);
  }
  return "error";
}
