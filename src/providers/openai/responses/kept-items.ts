/**
 * The output of one Responses stream as far as it has come: what a cut has to close and to repeat. Memory is bounded: text
 * beyond the bound is let go, item by item, and the item then stands without its text. Money path: fails closed — what is
 * let go has been metered before.
 */
import { type Fields, isObject } from "../../request-fields.js";
import { jsonOf } from "./json-of.js";

/** Characters kept of all items together. */
export const KEPT_CHARACTERS_MAX = 1_048_576;

/** Items of one output, and pieces of one item, that are followed. */
const ITEMS_MAX = 512;
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

/** What is kept of one stream. */
export interface KeptItems {
  readonly items: ReadonlyMap<number, KeptItem>;
  /** An item is announced. False: there are too many, or its index is none. */
  add(index: unknown, item: Fields): boolean;
  at(index: unknown): KeptItem | undefined;
  /** A part of an item is announced. */
  open(item: KeptItem, kind: PieceKind, index: unknown): void;
  /** A part of an item is closed. */
  close(item: KeptItem, kind: PieceKind, index: unknown): void;
  /** Text of a part; of the call itself without a kind. */
  append(item: KeptItem, text: string, part?: { readonly kind: PieceKind; readonly index: unknown }): void;
  /** The item is finished. */
  finish(item: KeptItem, done: Fields): void;
}

function skeletonOf(item: Fields): Fields {
  const words = ["id", "type", "role", "call_id", "name", "status"].flatMap((name) => {
    const value = item[name];
    return typeof value === "string" ? [[name, value.slice(0, WORD_MAX)] as const] : [];
  });
  return Object.fromEntries(words);
}

function charactersOf(item: KeptItem): number {
  let characters = item.own.length + (item.done?.length ?? 0);
  for (const piece of item.pieces.values()) characters += piece.text.length;
  return characters;
}

function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Opens the keeping for one stream. */
export function openKeptItems(): KeptItems {
  const items = new Map<number, KeptItem>();
  let left = KEPT_CHARACTERS_MAX;

  function drop(item: KeptItem): void {
    left += charactersOf(item);
    item.dropped = true;
    item.own = "";
    for (const piece of item.pieces.values()) piece.text = "";
  }

  /** Takes room for characters; without room the item's texts go. */
  function take(item: KeptItem, characters: number): boolean {
    if (item.dropped) return false;
    if (characters > left) {
      drop(item);
      return false;
    }
    left -= characters;
    return true;
  }

  function pieceAt(item: KeptItem, kind: PieceKind, index: unknown): Piece | null {
    if (!isIndex(index)) return null;
    const key = `${kind === "summary_text" ? "summary" : "content"}:${index}`;
    const known = item.pieces.get(key);
    if (known !== undefined || item.pieces.size >= PIECES_MAX) return known ?? null;
    const piece: Piece = { kind, index, text: "", open: false };
    item.pieces.set(key, piece);
    return piece;
  }

  return {
    items,
    add(index, added) {
      if (!isIndex(index) || items.has(index) || items.size >= ITEMS_MAX) return false;
      const characters = jsonOf(added)?.length ?? Number.POSITIVE_INFINITY;
      const fits = characters <= left;
      if (fits) left -= characters;
      items.set(index, {
        index,
        added: fits ? added : skeletonOf(added),
        pieces: new Map(),
        own: "",
        done: null,
        metered: 0,
        dropped: false,
      });
      return true;
    },
    at: (index) => (isIndex(index) ? items.get(index) : undefined),
    open(item, kind, index) {
      const piece = pieceAt(item, kind, index);
      if (piece !== null) piece.open = true;
    },
    close(item, kind, index) {
      const piece = pieceAt(item, kind, index);
      if (piece !== null) piece.open = false;
    },
    append(item, text, part) {
      if (part === undefined) {
        if (take(item, text.length)) item.own += text;
        return;
      }
      const piece = pieceAt(item, part.kind, part.index);
      if (piece !== null && take(item, text.length)) piece.text += text;
    },
    finish(item, done) {
      if (item.done !== null) return;
      left += charactersOf(item);
      item.pieces.clear();
      item.own = "";
      const json = jsonOf(done);
      item.done = "";
      if (item.dropped || json === null || json.length > left) {
        item.dropped = true;
        item.added = skeletonOf(done);
        return;
      }
      left -= json.length;
      item.done = json;
    },
  };
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
