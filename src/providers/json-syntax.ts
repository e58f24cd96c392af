/** The bytes that JSON's structure is made of, and where a string of it ends. Pure. */

/** `"` */
export const QUOTE = 0x22;
/** `\` */
export const BACKSLASH = 0x5c;
/** `{` */
export const OPEN_OBJECT = 0x7b;
/** `}` */
export const CLOSE_OBJECT = 0x7d;
/** `[` */
export const OPEN_ARRAY = 0x5b;
/** `]` */
export const CLOSE_ARRAY = 0x5d;
/** `:` */
export const COLON = 0x3a;
/** `,` */
export const COMMA = 0x2c;

/** Bytes of a string looked at one by one before a native search takes over: keys and words are cheaper this way. */
const STEP = 32;

/** Where the string ends whose opening quote is at `start`: its closing quote; −1 without one. */
export function closingQuote(bytes: Buffer, start: number): number {
  let at = start + 1;
  const stop = Math.min(at + STEP, bytes.length);
  while (at < stop) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    at += byte === BACKSLASH ? 2 : 1;
  }
  for (let quote = bytes.indexOf(QUOTE, at); quote >= 0; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let run = quote;
    while (run > at && bytes[run - 1] === BACKSLASH) run--;
    if ((quote - run) % 2 === 0) return quote;
  }
  return -1;
}
