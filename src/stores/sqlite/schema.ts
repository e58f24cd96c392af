/** Brings the file to this version's schema. Money path: fails closed — a newer file is refused by name. */
import { readdirSync, readFileSync } from "node:fs";
import { BursarError } from "../../accounting/errors.js";
import { prepareQuery, readPragma, type SqlConnection } from "./driver.js";

/** One step of the schema: `0001-start.sql` is version 1. */
export interface Migration {
  readonly version: number;
  readonly sql: string;
}

/** `PRAGMA application_id` of a ledger, "BURS". */
export const APPLICATION_ID = 0x42555253;

/** The migrations that ship with this version, oldest first. */
export function readMigrations(): readonly Migration[] {
  const folder = new URL("./migrations/", import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  return names.sort().map((name) => ({ version: Number.parseInt(name, 10), sql: readFileSync(new URL(name, folder), "utf8") }));
}

/** Version of the file's schema; 0 for an empty file. */
export function schemaVersion(connection: SqlConnection): number {
  const tables = prepareQuery(connection, "SELECT CAST(name AS BLOB) FROM sqlite_master WHERE type = 'table'")();
  if (tables.length === 0) return 0;
  if (readPragma(connection, "application_id") !== String(APPLICATION_ID)) {
    throw new BursarError(
      "ledger_corrupt",
      "The file ledger.db is a SQLite database, but not a ledger of Bursar's. Choose another directory: --data DIR.",
    );
  }
  return Number(prepareQuery(connection, "SELECT max(version) FROM schema_version")()[0]?.[0] ?? 0);
}

/** Refuses a file that a newer Bursar has written; answers the version it has. */
export function checkSchema(connection: SqlConnection, migrations: readonly Migration[]): number {
  const newest = migrations.at(-1)?.version ?? 0;
  const version = schemaVersion(connection);
  if (version <= newest) return version;
  const message = `The ledger has schema ${version}; this Bursar knows ${newest} at most. Run the newer Bursar that wrote it, or restore a backup from before.`;
  throw new BursarError("ledger_newer", message, { schema: version, known: newest });
}

/** Runs what is missing in one transaction: after a crash in the middle the file is as it was before. */
export function migrate(connection: SqlConnection, migrations: readonly Migration[]): void {
  const version = checkSchema(connection, migrations);
  const missing = migrations.filter((migration) => migration.version > version);
  if (missing.length === 0) return;
  connection.exec("BEGIN IMMEDIATE");
  connection.exec("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT");
  for (const migration of missing) {
    connection.exec(migration.sql);
    connection.exec(`INSERT INTO schema_version (version, applied_at) VALUES (${migration.version}, datetime('now'))`);
  }
  connection.exec("COMMIT");
}
