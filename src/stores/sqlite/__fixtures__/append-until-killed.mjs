// Opens the directory given first and appends refusals in batches; says the number of each batch's last entry once it is
// acknowledged. Runs from dist/ until it is killed.
import { openSqlite } from "../../../../dist/stores/sqlite/open-sqlite.js";

const clock = { now: () => Date.now(), monotonic: () => performance.now(), sleep: () => Promise.resolve() };
const persistence = await openSqlite({ directory: process.argv[2], address: "http://127.0.0.1:4141", clock });
let seq = persistence.loaded.seq;
for (;;) {
  const lines = [];
  for (let index = 0; index < 20; index++) {
    seq += 1;
    const ids = { call_id: `c${seq}`, attempt_id: `c${seq}.1` };
    const ceiling = { nano: "1", input_tokens: 1, output_tokens: 1 };
    const attribution = { key: "k", agent: "a", model: "m" };
    const entry = { seq, at: seq, type: "call.refused", ...ids, attribution, code: "forbidden", message: "No.", ceiling };
    lines.push({ seq, at: seq, type: entry.type, ...ids, json: JSON.stringify(entry) });
  }
  await persistence.append(lines);
  process.stdout.write(`${seq}\n`);
}
