/** Repeatable chance: the same seed gives the same answers on every machine. Not for secrets. */
import { createHash } from "node:crypto";

/** A source of integers: `below(n)` is in 0 … n − 1. */
export interface Chance {
  below(n: number): number;
}

/** Hex SHA-256 of the parts, each fenced off so that ("ab", "c") differs from ("a", "bc"). */
export function fingerprint(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex");
}

/** Chance from a hex fingerprint: a 32-bit counter stepped by the golden ratio and mixed (splitmix). */
export function openChance(hex: string): Chance {
  let state = Number.parseInt(hex.slice(0, 8), 16) | 0;
  return {
    below: (n) => {
      state = (state + 0x9e3779b9) | 0;
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return ((mixed ^ (mixed >>> 15)) >>> 0) % n;
    },
  };
}

/** `length` characters out of letters and digits, as in the providers' ids. */
export function idChars(hex: string, length: number): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const chance = openChance(hex);
  let out = "";
  for (let i = 0; i < length; i++) out += alphabet[chance.below(alphabet.length)];
  return out;
}
