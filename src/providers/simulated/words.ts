/** Plausible English out of a seed: grammatical sentences without facts. */
import type { Chance } from "./chance.js";
import { countOwnTokens } from "./tokenizer.js";

/** A word or sign with the space before it, its own tokens, and whether a sentence ends with it. */
export interface Piece {
  readonly text: string;
  readonly own: number;
  readonly ends: boolean;
}

const list = (words: string): readonly string[] => words.split(" ");
const OPENINGS = [
  "Thank you for asking; this answer is simulated, so please take its form and not its facts.",
  "Happy to help: this is a simulated answer, written to look like a real one.",
  "Certainly, though this reply comes from a simulator and knows nothing of the matter.",
  "Good question, and here is a simulated answer to it.",
];
const LINKS = ["In practice,", "As a rule,", "At first,", "In the end,", "For most teams,", "On a quiet day,", "With some care,"];
const SUBJECTS = list("team report process system schedule plan answer customer record request number group result change");
const ADJECTIVES = list("careful simple steady recent small useful common early clear quiet regular complete different");
const VERBS = list("follows supports explains reaches changes carries needs keeps improves describes checks replaces");
const OBJECTS = list(
  "detail question budget message document measure estimate decision example summary question morning history",
);
const ENDS = list("today later again gladly together nearby afterwards slowly often directly");

const pick = (chance: Chance, from: readonly string[]): string => from[chance.below(from.length)] as string;

function sentence(chance: Chance): string {
  const subject = `the ${pick(chance, ADJECTIVES)} ${pick(chance, SUBJECTS)}`;
  const object =
    chance.below(2) === 0 ? `the ${pick(chance, OBJECTS)}` : `every ${pick(chance, ADJECTIVES)} ${pick(chance, OBJECTS)}`;
  const tail = chance.below(3) === 0 ? ` ${pick(chance, ENDS)}` : "";
  const core = `${subject} ${pick(chance, VERBS)} ${object}${tail}.`;
  return chance.below(3) === 0 ? `${pick(chance, LINKS)} ${core}` : `${core[0]?.toUpperCase()}${core.slice(1)}`;
}

function* split(text: string, lead: string): Generator<Piece> {
  const words = text.match(/[A-Za-z]+|[^A-Za-z\s]/g) ?? [];
  let at = 0;
  for (const [index, word] of words.entries()) {
    const from = text.indexOf(word, at);
    const space = index === 0 ? lead : text.slice(at, from);
    at = from + word.length;
    yield { text: space + word, own: countOwnTokens(word), ends: word === "." && at === text.length };
  }
}

/** Sentences without end, piece by piece; the first one says that the answer is simulated. */
export function* pieces(chance: Chance): Generator<Piece, never> {
  yield* split(pick(chance, OPENINGS), "");
  while (true) yield* split(sentence(chance), " ");
}
