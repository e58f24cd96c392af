// `${NAME}` and `${NAME:-default}`. References are hidden before the YAML is read and filled in after it, value by value:
// an environment variable can therefore never change the structure of the file, and no line or column moves.

/** Environment variables. */
export type Env = Readonly<Record<string, string | undefined>>;

// No quotes inside: an unclosed reference must not swallow the end of the value it stands in.
const REFERENCE = /\$\{[^}\n"']*\}/g;
const FORM = /^\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?\}$/;
// Private-use characters: printable for YAML, in nobody's file. A mask is as long as what it hides: start, two digits in
// base 2,048 that number the reference, filler. The shortest reference, `${}`, has exactly the three it needs.
const START = 0xe000;
const FILL = 0xe001;
const DIGIT = 0xe100;
const BASE = 2048;
const MASK = /\ue000([\ue100-\uf8ff])([\ue100-\uf8ff])\ue001*/g;

/** The source with its references hidden. */
export interface Masked {
  readonly text: string;
  readonly references: readonly string[];
}

/** Does the text use the characters that masks are made of? Such a file is refused. */
export function usesMaskCharacters(text: string): boolean {
  return /[\ue000-\uf8ff]/.test(text);
}

/** Hides every `${…}`; same length, same lines. */
export function maskReferences(source: string): Masked {
  const references: string[] = [];
  const text = source.replace(REFERENCE, (found) => {
    const number = references.push(found) - 1;
    const digits = String.fromCharCode(DIGIT + Math.floor(number / BASE), DIGIT + (number % BASE));
    const start = String.fromCharCode(START) + digits;
    return start + String.fromCharCode(FILL).repeat(found.length - start.length);
  });
  return { text, references };
}

function referenceOf(masked: Masked, high: string, low: string): string {
  const number = (high.charCodeAt(0) - DIGIT) * BASE + low.charCodeAt(0) - DIGIT;
  return masked.references[number] ?? "";
}

/** A masked text as it stands in the file. */
export function unmask(masked: Masked, text: string): string {
  return text.replace(MASK, (_, high: string, low: string) => referenceOf(masked, high, low));
}

/** A value with its references filled in, and what could not be. */
export interface Filled {
  readonly text: string;
  /** Variables that are not set and have no default. */
  readonly missing: readonly string[];
  /** References that are not of the form `${NAME}` or `${NAME:-default}`. */
  readonly malformed: readonly string[];
}

/** Fills in the references of a masked text. As in a shell, `:-` also replaces an empty variable. */
export function fill(masked: Masked, text: string, env: Env): Filled {
  const missing: string[] = [];
  const malformed: string[] = [];
  const filled = text.replace(MASK, (_, high: string, low: string) => {
    const reference = referenceOf(masked, high, low);
    const [, name, fallback] = FORM.exec(reference) ?? [];
    if (name === undefined) {
      malformed.push(reference);
      return "";
    }
    const value = env[name];
    if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
    if (value === undefined) missing.push(name);
    return value ?? "";
  });
  if (text.includes("${")) malformed.push(unmask(masked, text));
  return { text: filled, missing, malformed };
}
