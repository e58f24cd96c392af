/** Pieces of usage as compatible providers write it. Money path: fails closed — what is no count is left for the dialect to reject. */
import { type Fields, isObject } from "../request-fields.js";

/** A reply's own `usage` object; null where it has none. */
export function ownUsage(reply: Fields): Fields | null {
  return isObject(reply.usage) ? reply.usage : null;
}

/** A count as it may stand in a usage, or null for everything else. */
export function plainCount(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
