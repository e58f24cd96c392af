import fc from "fast-check";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { expect, test } from "vitest";
import { estimateTokens } from "./estimate.js";

const rows = Array.from({ length: 30 }, (_, row) => ({ id: `order-${1000 + row * 37}`, total: row * 12.5, paid: row % 3 === 0 }));

// Written for this test; none of it was part of the fit.
const SAMPLES: Readonly<Record<string, string>> = {
  prose:
    "The treasurer of the guild kept two ledgers. In the first she wrote what every member had promised to pay, in the " +
    "second what had truly arrived, and every evening she compared the two before the doors were locked. When a promise " +
    "was older than a month she sent a boy with a polite letter, and when the letter stayed unanswered she went herself.",
  json: JSON.stringify(rows),
  "indented json": JSON.stringify(rows, null, 2),
  code: `export function mergeIntervals(intervals: readonly Interval[]): Interval[] {
  const sorted = [...intervals].sort((left, right) => left.start - right.start);
  const merged: Interval[] = [];
  for (const interval of sorted) {
    const last = merged[merged.length - 1];
    if (last !== undefined && interval.start <= last.end) {
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, interval.end) };
    } else {
      merged.push(interval);
    }
  }
  return merged;
}
`,
  chinese:
    "会计每天晚上都要核对两本账簿。第一本记录每个成员答应支付的金额，第二本记录真正收到的钱。如果一笔款项超过一个月还没有到账，她会先写一封客气的信，如果没有回音，她就亲自上门去问。",
  japanese:
    "会計係は毎晩、二冊の帳簿を照らし合わせた。一冊目には約束された金額を、二冊目には実際に受け取った金額を書き込む。約束から一か月が過ぎると、まず丁寧な手紙を送り、返事がなければ自分で訪ねていった。",
  german:
    "Die Schatzmeisterin führte zwei Bücher. Im ersten stand, was jedes Mitglied versprochen hatte, im zweiten, was " +
    "tatsächlich eingegangen war. Jeden Abend verglich sie beide, bevor die Türen geschlossen wurden.",
  log: Array.from(
    { length: 20 },
    (_, line) => `2026-03-0${1 + (line % 9)}T10:${10 + line}:07Z INFO worker=${line} took ${line * 13}ms`,
  ).join("\n"),
};

test("estimates are close to the real tokenizer on every kind of text, and on average within 8 %", () => {
  const errors = Object.entries(SAMPLES).map(([kind, text]) => {
    const exact = countTokens(text);
    return { kind, exact, estimated: estimateTokens(text), error: estimateTokens(text) / exact - 1 };
  });
  for (const { kind, exact, estimated, error } of errors) {
    console.log(`${kind}: ${exact} tokens, estimated ${estimated} (${(error * 100).toFixed(1)} %)`);
    expect(Math.abs(error), kind).toBeLessThan(0.2);
  }
  expect(errors.reduce((total, { error }) => total + Math.abs(error), 0) / errors.length).toBeLessThan(0.08);
});

test("no text that is not empty is estimated at nothing", () => {
  expect(estimateTokens("")).toBe(0);
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
      expect(estimateTokens(text)).toBeGreaterThanOrEqual(1);
    }),
  );
});

test("estimates are whole numbers that never exceed four times the UTF-16 length", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const tokens = estimateTokens(text);
      expect(Number.isSafeInteger(tokens)).toBe(true);
      expect(tokens).toBeLessThanOrEqual(4 * text.length);
    }),
  );
});
