// libsql; what each connection is asked goes to the file RECORDED_TO, one line each: who (thread and connection), mode, statement.
import { appendFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { threadId } from "node:worker_threads";
import Database from "libsql";

let connections = 0;

export default class RecordingDatabase extends Database {
  constructor(path, options) {
    // libsql knows no `readonly` but SQLite's URI names.
    super(options.readonly === true ? `${pathToFileURL(path).href}?mode=ro` : path, options);
    this.who = `${threadId}.${connections++} ${options.readonly === true ? "read" : "write"}`;
  }

  exec(sql) {
    appendFileSync(process.env.RECORDED_TO, `${this.who} ${sql.replaceAll("\n", " ")}\n`);
    return super.exec(sql);
  }

  prepare(sql) {
    appendFileSync(process.env.RECORDED_TO, `${this.who ?? "opening"} ${sql.replaceAll("\n", " ")}\n`);
    return super.prepare(sql);
  }
}
