/**
 * How the simulator counts tokens: a tokenizer of its own, unlike Bursar's, made worse by an error that each model has
 * for itself, so that every estimate and ceiling meets a provider that counts differently.
 */
import { fingerprint } from "./chance.js";

const LETTERS_PER_TOKEN = 6;
const DIGITS_PER_TOKEN = 3;

const isLetter = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/**
 * Tokens of a text before the model's error: words by six letters, numbers by three digits, each sign and each
 * non-Latin character one, a single space nothing (it belongs to the next word). Linear, never 0 for a text that is not
 * all single spaces.
 */
export function countOwnTokens(text: string): number {
  let tokens = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    const from = at;
    if (isLetter(code)) {
      while (at < text.length && isLetter(text.charCodeAt(at))) at++;
      tokens += Math.ceil((at - from) / LETTERS_PER_TOKEN);
    } else if (isDigit(code)) {
      while (at < text.length && isDigit(text.charCodeAt(at))) at++;
      tokens += Math.ceil((at - from) / DIGITS_PER_TOKEN);
    } else if (code === 32) {
      while (at < text.length && text.charCodeAt(at) === 32) at++;
      if (at - from > 1) tokens += 1;
    } else {
      at++;
      tokens += 1;
    }
  }
  return tokens;
}

/** The model's own error in thousandths, 800 … 1300, from seed and model name alone. */
export function errorPermille(seed: string, model: string): number {
  return 800 + (Number.parseInt(fingerprint(seed, model, "tokenizer").slice(0, 8), 16) % 501);
}
