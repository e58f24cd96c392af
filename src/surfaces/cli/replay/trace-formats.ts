/**
 * The formats of recorded traffic:
 * - `azure`: Azure's 2023 LLM inference traces (https://github.com/Azure/AzurePublicDataset), arrival and lengths.
 * - `mooncake`: Mooncake's traces (https://github.com/kvcache-ai/Mooncake), with the ids of 512-token prefix blocks.
 * - `swe-agent`: calls of software agents, one run of an agent per instance, with cached tokens.
 */
import { rowError, type TraceFormat, type TraceRow, tokensOf, type Where } from "./trace-row.js";

type Cells = (name: string) => string;

/** Reads the columns of a CSV by name. The recorded files quote nothing, so a quote is refused rather than misread. */
function openCells(header: string): (text: string, where: Where) => Cells {
  const names = header.split(",").map((name) => name.trim());
  return (text, where) => {
    const cells = text.split(",");
    if (text.includes('"')) throw rowError(where, "quoted cells are not read.");
    if (cells.length !== names.length) throw rowError(where, `it has ${cells.length} cells; the header has ${names.length}.`);
    return (name) => (cells[names.indexOf(name)] ?? "").trim();
  };
}

function instantOf(text: string, where: Where): number {
  const match = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(\.\d+)?/.exec(text);
  const at =
    match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2]}${(match[3] ?? ".000").slice(0, 4).padEnd(4, "0")}Z`);
  if (Number.isNaN(at)) throw rowError(where, `TIMESTAMP is ${JSON.stringify(text)}; it takes 2023-11-16 18:15:46.6805900.`);
  return at;
}

const AZURE: TraceFormat = {
  name: "azure",
  header: true,
  unordered: false,
  open(first) {
    const cells = openCells(first);
    return (text, where) => {
      const cell = cells(text, where);
      const at_ms = instantOf(cell("TIMESTAMP"), where);
      const input = tokensOf(cell("ContextTokens"), { name: "ContextTokens", min: 1, where });
      const output = tokensOf(cell("GeneratedTokens"), { name: "GeneratedTokens", min: 0, where });
      return { line: where.line, at_ms, input, cached: 0, output, task: null };
    };
  },
};

const SWE_AGENT: TraceFormat = {
  name: "swe-agent",
  header: true,
  unordered: true,
  open(first) {
    const cells = openCells(first);
    return (text, where) => {
      const cell = cells(text, where);
      const count = (name: string, min: number): number => tokensOf(cell(name), { name, min, where });
      const seconds = cell("created_unix");
      if (!/^\d{1,11}(\.\d+)?$/.test(seconds))
        throw rowError(where, `created_unix is ${JSON.stringify(seconds)}; it takes seconds.`);
      const input = count("prompt_tokens", 1);
      // The provider rounds a part of the prompt up beyond the whole now and then.
      const cached = Math.min(count("cached_tokens", 0), input);
      const task = cell("instance_id");
      if (task === "") throw rowError(where, "instance_id is empty.");
      return {
        line: where.line,
        at_ms: Math.round(Number(seconds) * 1000),
        input,
        cached,
        output: count("completion_tokens", 0),
        task,
      };
    };
  },
};

const BLOCK_TOKENS = 512;
/** Prefix blocks remembered; the oldest are forgotten, as a provider's cache does. */
const BLOCKS_KEPT = 100_000;

function mooncakeFields(text: string, where: Where): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw rowError(where, `it is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw rowError(where, "it is no JSON object.");
  return value as Readonly<Record<string, unknown>>;
}

function blocksOf(value: unknown, where: Where): readonly number[] {
  if (Array.isArray(value) && value.every((id) => Number.isSafeInteger(id))) return value as number[];
  throw rowError(where, "hash_ids is no list of whole numbers.");
}

const MOONCAKE: TraceFormat = {
  name: "mooncake",
  header: false,
  unordered: false,
  open() {
    const seen = new Set<number>();
    return (text, where): TraceRow => {
      const fields = mooncakeFields(text, where);
      const at_ms = fields.timestamp;
      if (typeof at_ms !== "number" || !Number.isFinite(at_ms)) throw rowError(where, "timestamp is no number of milliseconds.");
      const count = (name: string, min: number): number => tokensOf(fields[name] as number, { name, min, where });
      const input = count("input_length", 1);
      const blocks = blocksOf(fields.hash_ids, where);
      const fresh = blocks.findIndex((id) => !seen.has(id));
      const shared = (fresh < 0 ? blocks.length : fresh) * BLOCK_TOKENS;
      for (const id of blocks) seen.add(id);
      for (const oldest of seen) if (seen.size <= BLOCKS_KEPT || !seen.delete(oldest)) break;
      // The first block is the system prompt that all share; the second tells one conversation from another.
      const task = `conversation-${blocks[1] ?? blocks[0] ?? where.line}`;
      return { line: where.line, at_ms, input, cached: Math.min(shared, input - 1), output: count("output_length", 0), task };
    };
  },
};

/** The format that a file's first line shows, or null. */
export function formatOf(first: string): TraceFormat | null {
  const names = new Set(first.split(",").map((name) => name.trim()));
  const has = (...wanted: readonly string[]): boolean => wanted.every((name) => names.has(name));
  if (has("TIMESTAMP", "ContextTokens", "GeneratedTokens")) return AZURE;
  if (has("instance_id", "created_unix", "prompt_tokens", "cached_tokens", "completion_tokens")) return SWE_AGENT;
  if (first.trimStart().startsWith("{") && first.includes('"hash_ids"')) return MOONCAKE;
  return null;
}
