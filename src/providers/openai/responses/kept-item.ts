/**
 * One item of a Responses output as far as it has come, and how it is written when the stream is cut. Money path: fails
 * closed — it only repeats what was metered. Shapes: https://platform.openai.com/docs/api-reference/responses/object (read
 * November 2026).
 */
import { type Fields, isObject } from "../../request-fields.js";

/** Pieces of one item that are followed. */
const PIECES_MAX = 512;

/** Longest of a skeleton's own words. */
const WORD_MAX = 256;

/** Kinds of text inside an item: parts of its content, or of its summary. */
export type PieceKind = "output_text" | "refusal" | "reasoning_text" | "summary_text";

/** One part of an item. */
export interface Piece {
  readonly kind: PieceKind;
  readonly index: number;
  text: string;
  /** Its part was announced and has not been closed. */
  open: boolean;
}

/** One item of the output. */
export interface KeptItem {
  readonly index: number;
  /** As it was announced; a skeleton of it where that was too long. */
  added: Fields;
  readonly pieces: Map<string, Piece>;
  /** Arguments, input or code of a call. */
  own: string;
  /** JSON of the finished item, `""` where it was too long to keep; null: it is open. */
  done: string | null;
  /** Characters of it that were metered. */
  metered: number;
  /** Its texts were let go. */
  dropped: boolean;
}

/** The names of an item without its texts, for one that is too long to keep. */
export function skeletonOf(item: Fields): Fields {
  const words = ["id", "type", "role", "call_id", "name", "status"].flatMap((name) => {
    const value = item[name];
    return typeof value === "string" ? [[name, value.slice(0, WORD_MAX)] as const] : [];
  });
  return Object.fromEntries(words);
}

/** Characters that are kept of an item beside what it was announced with. */
export function charactersOf(item: KeptItem): number {
  let characters = item.own.length + (item.done?.length ?? 0);
  for (const piece of item.pieces.values()) characters += piece.text.length;
  return characters;
}

/** Is it the place of an item, or of a part in one? */
export function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The part of an item at a place; null where the place is none, or there are too many. */
export function pieceAt(item: KeptItem, kind: PieceKind, index: unknown): Piece | null {
  if (!isIndex(index)) return null;
  const key = `${kind === "summary_text" ? "summary" : "content"}:${index}`;
  const known = item.pieces.get(key);
  if (known !== undefined || item.pieces.size >= PIECES_MAX) return known ?? null;
  const piece: Piece = { kind, index, text: "", open: false };
  item.pieces.set(key, piece);
  return piece;
}

/** Content or summary of an item as its pieces make it, after what it was announced with. */
function partsOf(item: KeptItem, place: "content" | "summary"): Fields[] {
  const parts = new Map<number, Fields>();
  const announced = item.added[place];
  if (Array.isArray(announced)) {
    for (const [index, part] of announced.entries()) if (isObject(part)) parts.set(index, part);
  }
  for (const piece of item.pieces.values()) {
    if ((piece.kind === "summary_text") !== (place === "summary")) continue;
    parts.set(piece.index, partOf(piece));
  }
  return [...parts.entries()].sort(([a], [b]) => a - b).map(([, part]) => part);
}

/** A part as the provider writes it. */
export function partOf(piece: Piece): Fields {
  if (piece.kind === "refusal") return { type: "refusal", refusal: piece.text };
  if (piece.kind === "output_text") return { type: "output_text", annotations: [], logprobs: [], text: piece.text };
  return { type: piece.kind, text: piece.text };
}

/** In which field a call holds what the model writes for it. */
export function ownField(type: unknown): "arguments" | "input" | "code" | null {
  if (type === "function_call" || type === "mcp_call") return "arguments";
  if (type === "custom_tool_call") return "input";
  return type === "code_interpreter_call" ? "code" : null;
}

/** Tools that never end incomplete: what did not come to its end has failed. */
const FAILS: ReadonlySet<unknown> = new Set<unknown>(["web_search_call", "image_generation_call"]);

/** An item as it stands: the finished one, or the open one with the status of what was broken off. */
export function itemOf(item: KeptItem): Fields {
  const { added, done } = item;
  if (done !== null && done !== "") return JSON.parse(done) as Fields;
  const { type } = added;
  const own = ownField(type);
  return {
    ...added,
    ...(done === "" ? {} : { status: FAILS.has(type) ? "failed" : "incomplete" }),
    ...(type === "message" ? { content: partsOf(item, "content") } : {}),
    ...(type === "reasoning" ? { summary: partsOf(item, "summary") } : {}),
    ...(type === "reasoning" && (item.pieces.size > 0 || added.content !== undefined)
      ? { content: partsOf(item, "content") }
      : {}),
    ...(own === null || (own === "code" && item.own === "") ? {} : { [own]: item.own }),
  };
}
