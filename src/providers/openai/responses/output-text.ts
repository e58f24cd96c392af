/** What of an output item a model wrote. Money path: fails closed — every text that is billed as output is in it. */
import type { OutputMeter } from "../../meter-output.js";
import { type Fields, isObject } from "../../request-fields.js";
import { jsonOf } from "./json-of.js";

/** Fields in which calls of tools hold what the model wrote for them: text, or JSON. */
const WRITTEN = ["arguments", "input", "code", "action", "actions", "operation", "queries"] as const;

function partTexts(parts: unknown): string[] {
  if (!Array.isArray(parts)) return [];
  return parts.flatMap((part: unknown) => {
    if (!isObject(part)) return [];
    return [part.text, part.refusal, part.transcript].filter((text): text is string => typeof text === "string");
  });
}

/** Texts of an item, results of tools and encrypted content left out. */
export function writtenTexts(item: Fields): readonly string[] {
  const calls = WRITTEN.flatMap((name) => {
    const value = item[name] ?? null;
    if (value === null) return [];
    return [typeof value === "string" ? value : (jsonOf(value) ?? "")];
  });
  return [...partTexts(item.summary), ...partTexts(item.content), ...calls];
}

/** Meters items as far as more was written than the `seen` characters already counted. Answers all their characters. */
export function meterItems(meter: OutputMeter, items: readonly unknown[], seen = 0): number {
  const texts = items.flatMap((item) => (isObject(item) ? writtenTexts(item) : []));
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  if (characters > seen) {
    if (seen === 0) for (const text of texts) meter.text(text);
    else meter.text(texts.join("").slice(seen));
  }
  return characters;
}
