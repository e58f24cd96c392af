/**
 * A text that stands in a body: measured there, made a text only when somebody asks. Money path: fails closed — it measures
 * as the text itself does.
 */
import { measureOf, openWalk, type TextMeasure, type TextWalk, walkText } from "../accounting/meter/estimate.js";
import { addWalked } from "../accounting/meter/walk-json-string.js";
import type { InPlace, Part } from "../call/message.js";

const PLACED: unique symbol = Symbol("placed");

/** Where a text stands, without its quotes, and the walk over it. */
interface Place {
  readonly from: number;
  readonly to: number;
  readonly walk: TextWalk;
}

/** A text of a body that was read in place. */
export interface PlacedText {
  readonly [PLACED]: true;
  readonly bytes: Buffer;
  readonly place: Place;
  /** The text itself; also what JSON.stringify writes of it. */
  toJSON(): string;
}

function decoded({ bytes, place }: Pick<PlacedText, "bytes" | "place">): string {
  return JSON.parse(bytes.toString("utf8", place.from - 1, place.to + 1)) as string;
}

/** Opens a text in place. */
export function openPlacedText(bytes: Buffer, place: Place): PlacedText {
  return {
    [PLACED]: true,
    bytes,
    place,
    toJSON() {
      return decoded(this);
    },
  };
}

/** A text as a body has it, or in place. */
export type Text = string | PlacedText;

function isPlaced(value: unknown): value is PlacedText {
  return typeof value === "object" && value !== null && PLACED in value;
}

/** Is it a text, placed or not? */
export function isText(value: unknown): value is Text {
  return typeof value === "string" || isPlaced(value);
}

/** The text that a value is, or the empty one. */
export function textOf(value: unknown): Text {
  return isText(value) ? value : "";
}

/** What a part keeps of texts in place: their measure, and the pieces for whoever puts them together anew. */
interface Joined extends InPlace {
  readonly pieces: readonly Text[];
}

function wholeOf(pieces: readonly Text[]): string {
  return pieces.map((piece) => (typeof piece === "string" ? piece : decoded(piece))).join("");
}

function measured(pieces: readonly Text[]): TextMeasure {
  const [first] = pieces;
  if (pieces.length === 1 && isPlaced(first)) return measureOf(first.place.walk);
  const walk = openWalk();
  for (const piece of pieces) {
    if (typeof piece === "string") walkText(walk, piece);
    else addWalked(walk, piece.place.walk, { bytes: piece.bytes, from: piece.place.from, to: piece.place.to });
  }
  return measureOf(walk);
}

/** Texts that follow one another without a gap; null where all of them are plain. */
function joined(pieces: readonly Text[]): Joined | null {
  return pieces.some(isPlaced) ? { measured: measured(pieces), pieces } : null;
}

/** The pieces of a text part's text; none of another part. */
export function textOfPart(part: Part): readonly Text[] {
  if (part.kind !== "text") return [];
  return part.placed !== undefined && "pieces" in part.placed ? (part.placed as Joined).pieces : [part.text];
}

/** A part of text. */
export function textPart(...pieces: readonly Text[]): Part {
  const placed = joined(pieces);
  if (placed === null) return { kind: "text", text: wholeOf(pieces) };
  return {
    kind: "text",
    get text() {
      return wholeOf(pieces);
    },
    placed,
  };
}

/** A part of thinking. */
export function thinkingPart(pieces: Text | readonly Text[], opaque: boolean): Part {
  const all = isText(pieces) ? [pieces] : pieces;
  const placed = joined(all);
  if (placed === null) return { kind: "thinking", text: wholeOf(all), opaque };
  return {
    kind: "thinking",
    get text() {
      return wholeOf(all);
    },
    opaque,
    placed,
  };
}

/** A part for a tool's answer, of the texts among `parts`; others are left out. */
export function resultPart(id: string, parts: readonly Part[]): Part {
  const pieces = parts.flatMap(textOfPart);
  const placed = joined(pieces);
  if (placed === null) return { kind: "tool_result", id, text: wholeOf(pieces) };
  return {
    kind: "tool_result",
    id,
    get text() {
      return wholeOf(pieces);
    },
    placed,
  };
}

/** A part for a call of a tool. */
export function callPart(call: { readonly id: string; readonly name: string; readonly written: readonly Text[] }): Part {
  const { id, name, written } = call;
  const placed = joined([name, ...written]);
  if (placed === null) return { kind: "tool_call", id, name, arguments: wholeOf(written) };
  return {
    kind: "tool_call",
    id,
    name,
    get arguments() {
      return wholeOf(written);
    },
    placed,
  };
}
