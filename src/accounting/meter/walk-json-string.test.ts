import fc from "fast-check";
import { expect, test } from "vitest";
import { measureOf, measureText, openWalk, walkText } from "./estimate.js";
import { walkJsonString } from "./walk-json-string.js";

/** Where the string ends and what was measured of it. */
function walked(literal: string, before = "") {
  const bytes = Buffer.from(`[${literal}]`);
  const walk = openWalk();
  walkText(walk, before);
  const end = walkJsonString(walk, bytes, 2);
  return { end, last: bytes.length - 2, measure: measureOf(walk) };
}

/** Texts as they are: words, runs, punctuation, control characters, other scripts, halves of pairs. */
const piece = fc.oneof(
  fc.constantFrom(
    "the ",
    "Word",
    "    ",
    "\n",
    "\t",
    "\r\n",
    '"',
    "\\",
    "\\\\n",
    "/",
    "{",
    "}}",
    "12345",
    "größer",
    "你好",
    "😀",
    "—",
  ),
  fc.constantFrom(
    "\u0000",
    "\u007f",
    "\u2028",
    "\ud83d",
    "\ude00",
    "a".repeat(40),
    " ".repeat(15),
    "\n".repeat(14),
    '"'.repeat(13),
  ),
  fc.string({ unit: "binary", maxLength: 4 }),
);
const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(""));

/** The same text as JSON, however a writer spells it. */
const spelled = fc.tuple(text, fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 40 })).map(([written, ways]) => {
  const units = [...written].map((character, index) => {
    const way = ways[index % ways.length];
    const escaped = [...character].flatMap((whole) =>
      Array.from({ length: whole.length }, (_, unit) => `\\u${whole.charCodeAt(unit).toString(16).padStart(4, "0")}`),
    );
    if (way === 0) return escaped.join("");
    if (way === 1) return escaped.join("").toUpperCase().replaceAll("\\U", "\\u");
    if (way === 2 && character === "/") return "\\/";
    return JSON.stringify(character).slice(1, -1);
  });
  return { written, literal: `"${units.join("")}"` };
});

test("a string measured where it stands in JSON measures as the text that it stands for, however it is spelled", () => {
  fc.assert(
    fc.property(spelled, text, ({ written, literal }, before) => {
      // A half pair before and its other half in the string would be one character only in the joined text.
      fc.pre(!/[\ud800-\udbff]$/.test(before) || !/^[\udc00-\udfff]/.test(written));
      expect(JSON.parse(literal)).toBe(written);
      const { end, last, measure } = walked(literal, before);
      expect(end).toBe(last);
      expect(measure).toEqual(measureText(before + written));
    }),
    { numRuns: 3_000 },
  );
});

test("a string is found valid exactly where JSON.parse finds it so, and ends where it does", () => {
  const byte = fc.constantFrom(...'abnrtuf0129/\\\\\\"" {}\n\u0001\u007f{é你😀'.split(""));
  fc.assert(
    fc.property(
      fc.array(fc.oneof(byte, fc.constantFrom("\\u00e9", "\\ud83d", "\\uDE00", "\\u00", "\\x")), { maxLength: 14 }),
      (units) => {
        const literal = `"${units.join("")}"`.toWellFormed();
        let valid = true;
        try {
          valid = typeof JSON.parse(literal) === "string";
        } catch {
          valid = false;
        }
        const { end, last } = walked(literal);
        expect(valid).toBe(end === last);
      },
    ),
    { numRuns: 5_000 },
  );
});

test("a string without its end is none", () => {
  for (const bytes of ['"', '"abc', '"abc\\', '"abc\\"', '"\\u12', '"é', '"ab\\u']) {
    expect(walkJsonString(openWalk(), Buffer.from(bytes), 1)).toBe(-1);
  }
});
