// Loaded in front of the real binary (node --import) by the crash tests, in its main thread and in its workers: kills the
// process at a named point, the n-th time it is reached. The binary itself knows of none of this.
//   FAILPOINT=NAME:N       where, and which time
//   FAILPOINT_CLOCK=MS     added to the wall clock, so that a window turns when the test wants it to
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.argv[1]));
const [name = "", nth = "1"] = (process.env.FAILPOINT ?? "").split(":");
const shift = Number(process.env.FAILPOINT_CLOCK ?? "0");
let times = 0;

function reached(point) {
  if (point !== name) return;
  times += 1;
  if (times >= Number(nth)) process.kill(process.pid, "SIGKILL");
}

if (shift !== 0) {
  const now = Date.now.bind(Date);
  Date.now = () => now() + shift;
}

/** The road, by what it asks of the connection to the provider. */
function patchDispatch() {
  const { Pool } = require("undici");
  const { dispatch } = Pool.prototype;
  Pool.prototype.dispatch = function dispatchOrDie(options, handler) {
    // The hold is durable, nothing is sent.
    reached("after-hold");
    const answered = dispatch.call(this, options, {
      ...handler,
      onRequestStart: (...more) => {
        handler.onRequestStart(...more);
        // Once its bytes have had the time to leave.
        setTimeout(() => reached("after-dispatch"), 2);
      },
      onResponseEnd: (...more) => {
        // The last event is here, nothing is posted.
        reached("before-post");
        handler.onResponseEnd(...more);
      },
    });
    return answered;
  };
}

/** The ledger, by what it asks of SQLite. The window is a minute: its turn is the first commit in another one. */
function patchSqlite() {
  const Database = require("libsql");
  const { exec, prepare } = Database.prototype;
  const minute = () => Math.floor(Date.now() / 60_000);
  const first = minute();
  Database.prototype.exec = function execOrDie(sql) {
    if (sql.includes("CREATE TABLE log")) reached("in-migration");
    const turned = sql === "COMMIT" && minute() !== first;
    if (sql === "COMMIT") reached("before-commit");
    if (turned) reached("in-rollover");
    const answered = exec.call(this, sql);
    if (sql === "COMMIT") reached("after-commit");
    return answered;
  };
  Database.prototype.prepare = function prepareOrDie(sql) {
    const statement = prepare.call(this, sql);
    const watched = sql.includes("wal_checkpoint(PASSIVE)") ? "in-wal-checkpoint" : sql.includes("INTO checkpoint") ? "in-checkpoint" : null;
    if (watched === null) return statement;
    for (const verb of ["run", "all"]) {
      const original = statement[verb].bind(statement);
      statement[verb] = (...more) => {
        const answered = original(...more);
        reached(watched);
        return answered;
      };
    }
    return statement;
  };
}

patchSqlite();
patchDispatch();
