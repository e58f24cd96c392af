/** Reads recorded traffic, row by row. A malformed row is refused with its line; nothing of it is guessed. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { BursarError } from "../../../accounting/errors.js";
import { formatOf } from "./trace-formats.js";
import { rowError, type TraceFormat, type TraceRow } from "./trace-row.js";

/** A trace; `rows` may be read several times and always gives the same. */
export interface Trace {
  readonly format: TraceFormat["name"];
  /** In the order of arrival. Throws BursarError `invalid_request` naming file and line. */
  rows(): AsyncIterable<TraceRow>;
}

/** Rows of an unordered file that are sorted in memory at most (some 100 bytes each). */
const SORTED_MAX = 1_000_000;

async function* linesOf(file: string): AsyncGenerator<{ readonly text: string; readonly line: number }> {
  let line = 0;
  const stream = createReadStream(file, "utf8");
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1;
      yield { text: line === 1 ? text.replace(/^\uFEFF/, "") : text, line };
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BursarError("invalid_request", `The trace cannot be read: ${reason}`, { file }, { cause: error });
  } finally {
    stream.destroy();
  }
}

async function firstLine(file: string): Promise<string> {
  for await (const { text } of linesOf(file)) return text;
  throw new BursarError("invalid_request", `${file} is empty.`, { file });
}

async function* inFileOrder(file: string, format: TraceFormat): AsyncGenerator<TraceRow> {
  let read: ReturnType<TraceFormat["open"]> | null = null;
  for await (const { text, line } of linesOf(file)) {
    const header = read === null && format.header;
    read ??= format.open(text);
    if (!header && text.trim() !== "") yield read(text, { file, line });
  }
}

async function* sorted(file: string, format: TraceFormat): AsyncGenerator<TraceRow> {
  const rows: TraceRow[] = [];
  for await (const row of inFileOrder(file, format)) {
    if (rows.length === SORTED_MAX)
      throw rowError({ file, line: row.line }, `more than ${SORTED_MAX} rows cannot be put in order.`);
    rows.push(row);
  }
  yield* rows.sort((one, other) => one.at_ms - other.at_ms || one.line - other.line);
}

async function* first(rows: AsyncIterable<TraceRow>, limit: number): AsyncGenerator<TraceRow> {
  let count = 0;
  for await (const row of rows) {
    if (count++ >= limit) return;
    yield row;
  }
}

/** Opens a trace and recognises its format. `limit`: no more rows than that. Throws BursarError `invalid_request`. */
export async function openTrace(file: string, limit: number = Number.POSITIVE_INFINITY): Promise<Trace> {
  const format = formatOf(await firstLine(file));
  if (format === null) {
    const known =
      "TIMESTAMP,ContextTokens,GeneratedTokens; or instance_id,…,created_unix,prompt_tokens,cached_tokens,completion_tokens,…; " +
      'or JSON lines {"timestamp", "input_length", "output_length", "hash_ids"}';
    throw rowError({ file, line: 1 }, `no known trace begins like this. Known: ${known}.`);
  }
  const all = (): AsyncIterable<TraceRow> => (format.unordered ? sorted(file, format) : inFileOrder(file, format));
  return { format: format.name, rows: () => first(all(), limit) };
}
