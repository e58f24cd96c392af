/** What a candidate adds to the output. Money path: fails closed — every text a model produced is metered. */
import type { OutputMeter } from "../meter-output.js";
import { type Fields, isObject } from "../request-fields.js";

/**
 * Base64 characters of produced audio per token: pcm16 at 24 kHz mono is 48,000 bytes a second, and a second is 25 tokens.
 * Source: https://ai.google.dev/gemini-api/docs/speech-generation and .../pricing (read November 2026).
 */
const AUDIO_CHARACTERS_PER_TOKEN = 2560;

/** Tokens of one produced image of up to 1024 × 1024: https://ai.google.dev/gemini-api/docs/pricing (read November 2026). */
const IMAGE_TOKENS = 1290;

function meterBlob(meter: OutputMeter, blob: unknown): void {
  if (!isObject(blob) || typeof blob.data !== "string") return;
  if (String(blob.mimeType).startsWith("image/")) meter.add(IMAGE_TOKENS);
  else meter.add(Math.ceil(blob.data.length / AUDIO_CHARACTERS_PER_TOKEN));
}

function meterCall(meter: OutputMeter, call: unknown): void {
  if (!isObject(call)) return;
  if (typeof call.name === "string") meter.text(call.name);
  for (const value of [call.args, call.partialArgs]) {
    if (typeof value === "object" && value !== null) meter.text(JSON.stringify(value));
  }
}

/** Meters a candidate of a reply or of a chunk: text, thoughts, calls, code. Results of code are input, not output. */
export function meterCandidate(meter: OutputMeter, candidate: Fields): void {
  const parts = isObject(candidate.content) ? candidate.content.parts : null;
  if (!Array.isArray(parts)) return;
  for (const part of parts) {
    if (!isObject(part)) continue;
    if (typeof part.text === "string") meter.text(part.text);
    meterCall(meter, part.functionCall);
    if (isObject(part.executableCode) && typeof part.executableCode.code === "string") meter.text(part.executableCode.code);
    meterBlob(meter, part.inlineData);
  }
}

/** Why a candidate ended; null while it goes on. */
export function finishReason(candidate: Fields): string | null {
  const reason = candidate.finishReason;
  return typeof reason === "string" && reason !== "" && reason !== "FINISH_REASON_UNSPECIFIED" ? reason.slice(0, 64) : null;
}

/** Why a prompt was not answered at all; null when it was. */
export function blockReason(reply: Fields): string | null {
  const feedback = reply.promptFeedback;
  const reason = isObject(feedback) ? feedback.blockReason : null;
  return typeof reason === "string" && reason !== "" && reason !== "BLOCK_REASON_UNSPECIFIED" ? reason.slice(0, 64) : null;
}
