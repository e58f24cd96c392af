/** Arguments that fit a tool's JSON schema, out of a seed. */
import type { Chance } from "./chance.js";
import { type Fields, fieldsOf, wordOf } from "./fields.js";
import { countOwnTokens } from "./tokenizer.js";
import { pieces } from "./words.js";

const DEPTH_MAX = 6;
const WORDS_NATURAL = 6;

function phrase(chance: Chance, tokens: number): string {
  const words: string[] = [];
  let own = 0;
  for (const piece of pieces(chance)) {
    words.push(piece.text);
    own += piece.own;
    if (own >= tokens) return words.join("");
  }
  return words.join("");
}

/** Text of the wanted length goes into the first string that is free to take it. */
interface Filling {
  readonly chance: Chance;
  /** The whole schema, for references into it. */
  readonly root: Fields;
  tokens: number;
}

/** A schema's type in lower case (Gemini's are not), the first that is not null. */
function typeOf(fields: Fields): string {
  const types = Array.isArray(fields.type) ? (fields.type as readonly unknown[]) : [fields.type];
  return wordOf(types.find((type) => type !== "null") ?? types[0]).toLowerCase();
}

/** The schema behind `$ref: "#/$defs/X"` and the first of `anyOf`, `oneOf`, `allOf`. */
function resolved(schema: unknown, filling: Filling, depth: number): Fields {
  const fields = fieldsOf(schema);
  if (depth >= DEPTH_MAX) return fields;
  if (typeof fields.$ref === "string") {
    const steps = fields.$ref.split("/").slice(1);
    const found = steps.reduce<unknown>((at, step) => fieldsOf(at)[step], filling.root);
    return resolved(found, filling, depth + 1);
  }
  const options = fields.anyOf ?? fields.oneOf ?? fields.allOf;
  return Array.isArray(options) && options.length > 0 ? resolved(options[0], filling, depth + 1) : fields;
}

function valueFor(schema: unknown, filling: Filling, depth: number): unknown {
  const fields = resolved(schema, filling, depth);
  if (fields.const !== undefined) return fields.const;
  const options = Array.isArray(fields.enum) ? (fields.enum as readonly unknown[]) : [];
  if (options.length > 0) return options[filling.chance.below(options.length)];
  const type = typeOf(fields);
  if (type === "integer" || type === "number") return 1 + filling.chance.below(99);
  if (type === "boolean") return filling.chance.below(2) === 0;
  if (type === "null") return null;
  if (type === "array") return depth >= DEPTH_MAX ? [] : [valueFor(fields.items, filling, depth + 1)];
  if (type === "object" || fields.properties !== undefined) {
    if (depth >= DEPTH_MAX) return {};
    const properties = Object.entries(fieldsOf(fields.properties));
    return Object.fromEntries(properties.map(([name, inner]) => [name, valueFor(inner, filling, depth + 1)]));
  }
  const text = phrase(filling.chance, Math.max(WORDS_NATURAL, filling.tokens));
  filling.tokens = 0;
  return text;
}

/**
 * JSON text of arguments that fit the schema, about `tokens` of the simulator's own long (0: as long as they come). Without a
 * schema, or without a string in it, a field `note` carries the text.
 */
export function toolArguments(schema: unknown, chance: Chance, tokens: number): string {
  const filling: Filling = { chance, root: fieldsOf(schema), tokens };
  const value = fieldsOf(valueFor({ ...resolved(schema, filling, 0), type: "object" }, filling, 0));
  const empty = Object.keys(value).length === 0;
  if (filling.tokens === 0 && !empty) return JSON.stringify(value);
  const text = phrase(chance, Math.max(WORDS_NATURAL, filling.tokens - countOwnTokens(JSON.stringify(value))));
  return JSON.stringify({ ...value, note: text });
}
