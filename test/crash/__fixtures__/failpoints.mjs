// Loaded in front of the real binary (node --import) by the crash tests, in its main thread and in its workers: kills the
// process at a named point, the n-th time it is reached. The binary itself knows of none of this.
//   FAILPOINT=NAME:N       where, and which time
//   FAILPOINT_CLOCK=MS     added to the wall clock, so that a window turns when the test wants it to
import { createRequire, syncBuiltinESMExports } from "node:module";
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

const isRequest = (data) => Buffer.from(data.subarray?.(0, 5) ?? data.slice(0, 5)).toString("latin1") === "POST ";
const endsReply = (bytes, buffer) => Buffer.from(buffer.subarray(Math.max(0, bytes - 5), bytes)).toString("latin1") === "0\r\n\r\n";

/** The road, by what it asks of its connections to the provider. */
function patchConnections() {
  const net = require("node:net");
  const { connect } = net;
  net.connect = function connectOrDie(options, ...more) {
    if (options?.onread === undefined) return connect.call(this, options, ...more);
    const { buffer, callback } = options.onread;
    const watched = (bytes, read) => {
      // The last event is here, nothing is posted.
      if (endsReply(bytes, read)) reached("before-post");
      return callback(bytes, read);
    };
    const socket = connect.call(this, { ...options, onread: { buffer, callback: watched } }, ...more);
    const { write } = socket;
    socket.write = function writeOrDie(data, ...rest) {
      // The hold is durable, nothing is sent.
      if (isRequest(data)) reached("after-hold");
      const answered = write.call(this, data, ...rest);
      // Once its bytes have had the time to leave.
      if (isRequest(data)) setTimeout(() => reached("after-dispatch"), 2);
      return answered;
    };
    return socket;
  };
  syncBuiltinESMExports();
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
patchConnections();
