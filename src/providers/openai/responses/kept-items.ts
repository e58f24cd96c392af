/**
 * The output of one Responses stream as far as it has come: what a cut has to close and to repeat. Memory is bounded: text
 * beyond the bound is let go, item by item, and the item then stands without its text. Money path: fails closed — what is
 * let go has been metered before.
 */
import type { Fields } from "../../request-fields.js";
import { jsonOf } from "./json-of.js";
import { charactersOf, isIndex, type KeptItem, type PieceKind, pieceAt, skeletonOf } from "./kept-item.js";

/** Characters kept of all items together. */
export const KEPT_CHARACTERS_MAX = 1_048_576;

/** Items of one output that are followed. */
const ITEMS_MAX = 512;

/** What is kept of one stream. */
export interface KeptItems {
  readonly items: ReadonlyMap<number, KeptItem>;
  /** An item is announced. False: there are too many, or its index is none. */
  add(index: unknown, item: Fields): boolean;
  at(index: unknown): KeptItem | undefined;
  /** A part of an item is announced, or closed. */
  mark(item: KeptItem, part: { readonly kind: PieceKind; readonly index: unknown; readonly open: boolean }): void;
  /** Text of a part; of the call itself without a part. */
  append(item: KeptItem, text: string, part?: { readonly kind: PieceKind; readonly index: unknown }): void;
  /** The item is finished. */
  finish(item: KeptItem, done: Fields): void;
}

/** Lets go of an item's texts; answers how many characters that frees. */
function drop(item: KeptItem): number {
  const freed = charactersOf(item);
  item.dropped = true;
  item.own = "";
  for (const piece of item.pieces.values()) piece.text = "";
  return freed;
}

/** Opens the keeping for one stream. */
export function openKeptItems(): KeptItems {
  const items = new Map<number, KeptItem>();
  let left = KEPT_CHARACTERS_MAX;

  /** Takes room for characters; without room the item's texts go. */
  function take(item: KeptItem, characters: number): boolean {
    if (item.dropped) return false;
    if (characters > left) {
      left += drop(item);
      return false;
    }
    left -= characters;
    return true;
  }

  return {
    items,
    at: (index) => (isIndex(index) ? items.get(index) : undefined),
    add(index, item) {
      if (!isIndex(index) || items.has(index) || items.size >= ITEMS_MAX) return false;
      const characters = jsonOf(item)?.length ?? Number.POSITIVE_INFINITY;
      const fits = characters <= left;
      if (fits) left -= characters;
      const added = fits ? item : skeletonOf(item);
      items.set(index, { index, added, pieces: new Map(), own: "", done: null, metered: 0, dropped: false });
      return true;
    },
    mark(item, { kind, index, open }) {
      const piece = pieceAt(item, kind, index);
      if (piece !== null) piece.open = open;
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
