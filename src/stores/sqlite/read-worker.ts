/** The thread that reads: its connection can neither write nor checkpoint. Watching path: fails open. */
import { parentPort, workerData } from "node:worker_threads";
import type { StoredLine } from "../../accounting/ledger/verify.js";
import { type ChainEnd, logRow, passRow } from "./chain-check.js";
import { loadDriver, openConnection, prepareQuery, type SqlConnection, textOf } from "./driver.js";
import { layoutOf, readSql } from "./layout.js";
import { CHUNK, loadCheckpoint } from "./load.js";
import { failureOf, type WorkerStart } from "./messages.js";
import { checkSchema, readMigrations } from "./schema.js";
import { servePort, type Verbs } from "./serve-port.js";

/** What can be asked: `lines`, `stored`, `attempt`, `call`, `audit`, `checkpoint` and `close`. */
function openReader(connection: SqlConnection): Verbs {
  checkSchema(connection, readMigrations());
  const readLines = prepareQuery(connection, readSql("read-lines"));
  const readAttempt = prepareQuery(connection, readSql("read-attempt"));
  const readCall = prepareQuery(connection, readSql("read-call"));
  const rows = (fromSeq: number) => readLines(fromSeq, CHUNK).map(logRow);
  return {
    lines: (fromSeq: number): readonly string[] => rows(fromSeq).map((row) => row.json),
    stored: (fromSeq: number): readonly StoredLine[] => rows(fromSeq).map(({ seq, json, hash }) => ({ seq, json, hash })),
    attempt: (id: string): readonly string[] => readAttempt(id).map(([json]) => textOf(json)),
    call: (id: string): readonly string[] => readCall(id).map(([json]) => textOf(json)),
    /** Checks the next chunk of the chain; throws `ledger_corrupt` at the first entry that does not follow. */
    audit: (end: ChainEnd): ChainEnd => rows(end.seq + 1).reduce(passRow, end),
    checkpoint: () => loadCheckpoint(connection),
    close: () => void connection.close(),
  };
}

/** Gets ready, and opens the file at the first question: by then the writer has it as it should be. */
async function run(port: NonNullable<typeof parentPort>): Promise<void> {
  const { directory, driver } = workerData as WorkerStart;
  const Driver = await loadDriver(driver);
  let verbs: Verbs | null = null;
  port.postMessage({ id: 0 });
  servePort(port, () => {
    verbs ??= openReader(openConnection(Driver, { path: layoutOf(directory).ledger, mode: "read", driver }));
    return verbs;
  });
}

if (parentPort !== null) {
  const port = parentPort;
  await run(port).catch((error: unknown) => port.postMessage({ id: 0, failure: failureOf(error) }));
}
