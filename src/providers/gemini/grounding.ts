/**
 * Searches that a reply was grounded on. Money path: fails closed — a query that is told again counts once, but never
 * fewer than one list holds. Source: https://ai.google.dev/gemini-api/docs/google-search (read November 2026).
 */
import { type Fields, isObject } from "../request-fields.js";
import { groundsPerPrompt } from "./tools.js";

/** Gathers what the candidates of one reply tell. */
export interface Grounding {
  /** Takes a candidate of a reply or of a chunk. */
  read(candidate: Fields): void;
  /** Searches as they are billed for a model; null when nothing was grounded. */
  searches(model: string | null): number | null;
}

/** Queries remembered per reply, to count one that comes again only once; beyond, each counts. */
const QUERIES_MAX = 1000;

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Opens the gathering for one reply. */
export function openGrounding(): Grounding {
  const known = new Set<string>();
  let beyond = 0;
  let longest = 0;
  let grounded = false;

  function take(queries: readonly unknown[]): void {
    longest = Math.max(longest, queries.length);
    for (const query of queries) {
      const text = String(query).slice(0, 256);
      if (known.has(text)) continue;
      if (known.size < QUERIES_MAX) known.add(text);
      else beyond++;
    }
  }

  return {
    read(candidate) {
      const metadata = candidate.groundingMetadata;
      if (!isObject(metadata)) return;
      const queries = [...listOf(metadata.webSearchQueries), ...listOf(metadata.imageSearchQueries)];
      const found = isObject(metadata.searchEntryPoint) || listOf(metadata.groundingChunks).length > 0;
      if (queries.length > 0 || found) grounded = true;
      take(queries.filter((query) => query !== ""));
    },
    searches(model) {
      if (!grounded) return null;
      return model !== null && groundsPerPrompt(model) ? 1 : Math.max(1, longest, known.size + beyond);
    },
  };
}
