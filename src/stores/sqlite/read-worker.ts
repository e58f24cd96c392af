/** The thread that reads: its connection can neither write nor checkpoint. Watching path: fails open. */
import { parentPort, workerData } from "node:worker_threads";
import type { Entry } from "../../accounting/ledger/entry.js";
import { markOf, openingsOf, openLineReader } from "../../accounting/ledger/line.js";
import type { StoredLine } from "../../accounting/ledger/verify.js";
import { type ChainEnd, logRow, passRow } from "./chain-check.js";
import { loadDriver, openConnection, prepareQuery, type SqlConnection, type SqlValue, textOf } from "./driver.js";
import { layoutOf, readSql } from "./layout.js";
import { CHUNK, loadCheckpoint } from "./load.js";
import { failureOf, type WorkerData } from "./messages.js";
import { checkSchema, readMigrations } from "./schema.js";
import { servePort, type Verbs } from "./serve-port.js";

/** Names of accounts kept at most: those that a stretch of the log names come again and again. */
const NAMES_MAX = 100_000;

/**
 * Entries read at first from a place where nobody read before: whoever looks for one entry, as a start does that halves the
 * log by time, does not pay for a chunk at every look (some 40 µs an entry).
 */
const FIRST_CHUNK = 50;

/** Reads any line of the log: the name of an account is in the line that opened it. */
function openEntryReader(connection: SqlConnection): (seq: number, text: string) => Entry {
  const readOpening = prepareQuery(connection, readSql("read-opening"));
  const names = new Map<number, string>();
  return openLineReader((number) => {
    if (!names.has(number)) {
      if (names.size > NAMES_MAX) names.clear();
      const [line, place] = readOpening(number)[0] ?? [];
      const opening = line === undefined ? undefined : openingsOf(textOf(line))[Number(place)];
      if (opening !== undefined) names.set(number, opening.id);
    }
    return names.get(number);
  });
}

/** What can be asked: `lines`, `stored`, `attempt`, `call`, `audit`, `checkpoint` and `close`. */
function openReader(connection: SqlConnection): Verbs {
  checkSchema(connection, readMigrations());
  const readLines = prepareQuery(connection, readSql("read-lines"));
  const readAttempt = prepareQuery(connection, readSql("read-attempt"));
  const readCall = prepareQuery(connection, readSql("read-call"));
  const read = openEntryReader(connection);
  const rows = (fromSeq: number, most = CHUNK) => readLines(fromSeq, most).map(logRow);
  let readTo = 0;
  function lines(fromSeq: number): readonly string[] {
    const found = rows(fromSeq, fromSeq === readTo + 1 ? CHUNK : FIRST_CHUNK);
    readTo = found.at(-1)?.seq ?? readTo;
    return found.map(({ seq, json }) => JSON.stringify(read(seq, json)));
  }
  const found = (parts: SqlValue[][], attempts: (id: string) => boolean): readonly Entry[] =>
    parts
      .map(([seq, json]) => ({ seq: Number(seq), json: textOf(json) }))
      .filter(({ json }) => attempts(markOf(json)?.attempt_id ?? ""))
      .map(({ seq, json }) => read(seq, json));
  return {
    lines,
    stored: (fromSeq: number): readonly StoredLine[] => rows(fromSeq),
    attempt: (id: string): readonly string[] =>
      found(readAttempt(id), (attempt) => attempt === id).map((entry) => JSON.stringify(entry)),
    call: (id: string): readonly string[] =>
      found(readCall(id), (attempt) => attempt.startsWith(`${id}.`))
        .filter((entry) => "call_id" in entry && entry.call_id === id)
        .map((entry) => JSON.stringify(entry)),
    /** Checks the next chunk of the chain; throws `ledger_corrupt` at the first entry that does not follow. */
    audit: (end: ChainEnd): ChainEnd => rows(end.seq + 1).reduce(passRow, end),
    checkpoint: () => loadCheckpoint(connection),
    close: () => void connection.close(),
  };
}

/** Gets ready, and opens the file at the first question: by then the writer has it as it should be. */
async function run(port: NonNullable<typeof parentPort>): Promise<void> {
  const { directory, driver, bell } = workerData as WorkerData;
  const Driver = await loadDriver(driver);
  let verbs: Verbs | null = null;
  port.postMessage({ id: 0 });
  servePort({ port, bell }, () => {
    verbs ??= openReader(openConnection(Driver, { path: layoutOf(directory).ledger, mode: "read", driver }));
    return verbs;
  });
}

if (parentPort !== null) {
  const port = parentPort;
  await run(port).catch((error: unknown) => port.postMessage({ id: 0, failure: failureOf(error) }));
}
