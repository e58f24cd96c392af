// libsql, but of the version that SQLITE_VERSION says, and with readers that could write: `readonly` is ignored.
import Database from "libsql";

export default class WritingReaders extends Database {
  constructor(path, { timeout }) {
    super(path, { timeout });
  }

  prepare(sql) {
    return super.prepare(sql.replace("sqlite_version()", `'${process.env.SQLITE_VERSION}'`));
  }
}
