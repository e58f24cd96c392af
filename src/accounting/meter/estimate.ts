/**
 * Tokens of a text without a tokenizer: one walk over its characters and one small table. Money path of measured
 * ceilings, where a factor and the learned ratio go on top; fails closed: never 0 for a text that is not empty.
 *
 * A character is of one of 18 classes. What it costs depends on its class and on where it stands: first of a run of its
 * class (then on what came before) or further inside (then on how far). That is what byte-pair encoders reward: a word
 * after a space is about one token whatever its length, digits go in threes, a run of spaces is one token.
 *
 * The table was fitted on 24 November 2026 to o200k_base counts (gpt-tokenizer 4.0.0) of 1,089 pieces of 40 to 8,000
 * characters: manuals, TypeScript, JavaScript, Python, JSON, agent transcripts, 20 languages, ids, numbers, emoji. On
 * 468 further pieces: median error 2.4 %, 90 % within 8 %, mean +0.5 %. Random letters ("qxzvkj") come out at about a
 * third of what they are: strict ceilings do not use this.
 */

// One letter per ASCII character: a lower, b upper, c digit, d space, e newline, f tab, g JSON's own punctuation,
// h other punctuation, r control.
const ASCII =
  "rrrrrrrrrferrerrrrrrrrrrrrrrrrrrdhghhhhhhhhhghhhccccccccccghhhhhhbbbbbbbbbbbbbbbbbbbbbbbbbbghghhhaaaaaaaaaaaaaaaaaaaaaaaaaaghghr";
const CODE_OF_A = 97;
const LOWER = 0;
const UPPER = 1;
const OTHER = 17;

// First code unit of a range and the class of everything from there to the next range.
const RANGES: readonly (readonly [number, number])[] = [
  [0x80, 16],
  [0xc0, 8],
  [0x250, 9],
  [0x530, OTHER],
  [0x590, 13],
  [0x800, 14],
  [0x1100, 12],
  [0x1200, 14],
  [0x2000, 16],
  [0x2e80, 10],
  [0x3000, 16],
  [0x3040, 11],
  [0x3100, 12],
  [0x3400, 10],
  [0xa000, OTHER],
  [0xac00, 12],
  [0xd7b0, OTHER],
  [0xd800, 15],
  [0xe000, OTHER],
  [0xf900, 10],
  [0xfb00, OTHER],
  [0xff00, 16],
];

// What a run follows: letters, digits, space, line start, JSON punctuation, other punctuation, another script, symbols.
const BEFORE = [0, 0, 1, 2, 3, 3, 4, 5, 0, 6, 6, 6, 6, 6, 6, 7, 7, 7] as const;
const LINE_START = 3;
// Per class: eight prices of a run's first character by what it follows; then seven by position 1, 2, 3, 4, 5–7, 8–11, 12 on.
const STARTS = 8;
const WIDTH = 15;
const HUNDREDTHS: readonly number[] = [
  // lower
  13, 108, 13, 0, 58, 70, 0, 82, 7, 0, 0, 3, 0, 27, 11,
  // upper
  97, 268, 21, 12, 7, 78, 0, 91, 45, 0, 0, 0, 0, 0, 1,
  // digit
  124, 25, 214, 67, 43, 144, 161, 70, 0, 0, 0, 0, 66, 48, 19,
  // space
  78, 41, 25, 17, 38, 33, 26, 44, 83, 0, 0, 0, 0, 0, 1,
  // newline
  165, 77, 0, 38, 37, 23, 172, 83, 0, 0, 0, 25, 25, 25, 25,
  // tab
  29, 2, 25, 44, 25, 25, 25, 25, 27, 28, 8, 0, 0, 25, 25,
  // quote
  138, 95, 51, 130, 25, 51, 104, 91, 0, 0, 0, 2, 0, 1, 25,
  // punct
  77, 74, 55, 127, 4, 25, 0, 136, 35, 0, 162, 96, 89, 20, 1,
  // latin
  138, 25, 0, 0, 10, 63, 26, 25, 30, 11, 26, 25, 25, 25, 25,
  // cyrgreek
  23, 18, 0, 0, 0, 53, 150, 25, 121, 0, 0, 0, 0, 102, 1,
  // cjk
  0, 0, 97, 0, 49, 83, 131, 27, 81, 74, 149, 48, 60, 40, 86,
  // kana
  64, 43, 74, 0, 63, 25, 77, 56, 92, 95, 0, 34, 48, 86, 72,
  // hangul
  111, 84, 76, 3, 30, 151, 25, 55, 44, 69, 75, 67, 37, 28, 25,
  // arabheb
  25, 25, 35, 37, 168, 0, 25, 0, 55, 32, 0, 51, 0, 26, 25,
  // indic
  0, 25, 32, 0, 26, 357, 25, 25, 68, 11, 0, 0, 0, 0, 133,
  // emoji
  25, 25, 0, 26, 25, 88, 25, 94, 107, 94, 94, 29, 37, 42, 100,
  // symbol
  88, 56, 96, 100, 148, 79, 43, 94, 96, 33, 38, 38, 65, 78, 144,
  // other
  125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125, 125,
];

function classOf(code: number): number {
  if (code < 128) return ASCII.charCodeAt(code) - CODE_OF_A;
  let low = 0;
  let high = RANGES.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((RANGES[middle]?.[0] ?? 0) <= code) low = middle;
    else high = middle - 1;
  }
  return RANGES[low]?.[1] ?? OTHER;
}

function positionSlot(position: number): number {
  if (position < 5) return STARTS + position - 1;
  return STARTS + (position < 8 ? 4 : position < 12 ? 5 : 6);
}

/**
 * About how many o200k tokens a text is, rounded up; 0 only for the empty text. Pure, without allocation.
 * Other tokenizers: multiply by their family's ratio (prompt.ts).
 */
export function estimateTokens(text: string): number {
  let hundredths = 0;
  let previous = -1;
  let position = 0;
  for (let index = 0; index < text.length; index++) {
    const kind = classOf(text.charCodeAt(index));
    if (kind === previous) {
      position++;
      hundredths += HUNDREDTHS[kind * WIDTH + positionSlot(position)] ?? 0;
      continue;
    }
    // A capital letter begins a word; the small letters after it go on with it.
    position = kind === LOWER && previous === UPPER ? 1 : 0;
    const slot = position === 1 ? STARTS : previous < 0 ? LINE_START : (BEFORE[previous] ?? LINE_START);
    hundredths += HUNDREDTHS[kind * WIDTH + slot] ?? 0;
    previous = kind;
  }
  // A text's first letters can be priced 0 (in the table the line break before them pays).
  return Math.max(text.length > 0 ? 1 : 0, Math.ceil(hundredths / 100));
}
