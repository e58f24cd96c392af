// libsql, but the n-th COMMIT (`?commit=n`) fails as a disk does. What is asked of it afterwards is written to `?log=`.
import { appendFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import Database from "libsql";

const asked = new URL(import.meta.url).searchParams;
let commits = 0;
let failed = false;

export default class FailingDatabase extends Database {
  constructor(path, options) {
    // libsql knows no `readonly` but SQLite's URI names.
    super(options.readonly === true ? `${pathToFileURL(path).href}?mode=ro` : path, options);
  }

  exec(sql) {
    if (failed) appendFileSync(asked.get("log"), `${sql}\n`);
    if (sql === "COMMIT") {
      commits += 1;
      if (commits === Number(asked.get("commit"))) {
        failed = true;
        throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_FSYNC" });
      }
    }
    return super.exec(sql);
  }

  prepare(sql) {
    if (failed) appendFileSync(asked.get("log"), `prepare ${sql}\n`);
    return super.prepare(sql);
  }

  close() {
    if (failed) appendFileSync(asked.get("log"), "close\n");
    return super.close();
  }
}
