// E4: the power goes. A real process is traced call by call; its files are put together as a disk may have them at any
// moment of it: with everything that was synced, and with none, all or any part of what was not. What had been
// acknowledged by then is there.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSqlite } from "../../src/stores/sqlite/open-sqlite.js";
import { verifyFile } from "../../src/stores/sqlite/verify-file.js";
import { standingClock } from "../ledger-fixtures.js";
import { openChance } from "./gateway/load.js";
import { type Recorded, record, type Unsynced } from "./power/disk.js";
import { traceUntil } from "./power/trace.js";

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const LOSSES = Number(process.env.BURSAR_POWER_LOSSES ?? 24);
/** Enough that the WAL is copied into the database and begun anew, and a checkpoint is stored. */
const POSTS = 1_300;
/** Moments between two lines of progress. */
const PROGRESS_EVERY = 50;
const root = mkdtempSync(join(tmpdir(), "bursar-power-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let recorded: Recorded;

beforeAll(async () => {
  const script = fileURLToPath(new URL("./__fixtures__/load-until-killed.mjs", import.meta.url));
  // Two directories deep, both made by the process: their entries must be as durable as what is in them.
  const directory = join(root, "deep", "data");
  const args = [directory, "a", "1000000"];
  const calls = await traceUntil({ script, args, log: join(root, "trace"), word: "posted ", lines: POSTS });
  recorded = record(calls, directory);
}, 120_000);

/** What a start finds in a directory, against what had been said by a line. */
async function lossesIn(directory: string, at: number): Promise<string[]> {
  const persistence = await openSqlite({ directory, clock: standingClock() });
  const { resolutions, holds } = persistence.loaded;
  await persistence.close();
  const lost: string[] = [];
  for (const line of recorded.saidBefore(at)) {
    const [what, id, nano] = line.split(" ");
    const found = resolutions.get(`${id}.1`);
    if (what === "held" && found === undefined && !holds.has(`${id}.1`)) lost.push(line);
    if (what === "posted" && !(found?.kind === "posted" && String(found.nano) === nano)) lost.push(line);
  }
  return lost;
}

const acknowledged = (at: number): number => recorded.saidBefore(at).filter((line) => line.startsWith("posted")).length;

test(`E4: whenever the power goes, of ${LOSSES} moments, all that was acknowledged is there and the log is whole`, async () => {
  console.log(`SEED=${seed}`);
  const chance = openChance(seed);
  const copies = recorded.syncsOf("ledger.db");
  expect(copies.length).toBeGreaterThan(1);
  const ways: readonly Unsynced[] = ["lost", "some", "some", "kept"];
  let most = 0;
  for (let n = 0; n < LOSSES; n++) {
    // One in three falls around a copy of the WAL into the database, the others anywhere.
    const copy = copies[chance(copies.length)]?.end ?? 0;
    const at = n % 3 === 0 ? Math.min(recorded.end, copy + 1 + chance(60)) : chance(recorded.end) + 1;
    const unsynced = ways[n % ways.length] as Unsynced;
    const into = join(root, `loss-${n}`);
    recorded.rebuild({ at, into, unsynced, chance });
    expect({ n, at, unsynced, lost: await lossesIn(into, at) }).toEqual({ n, at, unsynced, lost: [] });
    expect({ n, at, ...(await verifyFile(into)) }).toMatchObject({ n, at, violations: [] });
    most = Math.max(most, acknowledged(at));
    rmSync(into, { recursive: true });
    if ((n + 1) % PROGRESS_EVERY === 0) console.log(`${n + 1} of ${LOSSES} moments`);
  }
  expect(most).toBeGreaterThan(POSTS / 10);
}, 1_800_000);

test("E4: a disk that forgets what it said was synced loses what was acknowledged, and the head tells", async () => {
  const at = recorded.end;
  expect(acknowledged(at)).toBeGreaterThanOrEqual(POSTS);
  const chance = openChance(seed);
  const silent = join(root, "silent");
  recorded.rebuild({ at, into: silent, unsynced: "lost", chance, deaf: ["ledger.db", "ledger.db-wal"] });
  // This is what makes the test above one that can fail.
  expect((await lossesIn(silent, at)).length).toBeGreaterThan(POSTS);
  const told = join(root, "told");
  recorded.rebuild({ at: Math.floor(at / 2), into: told, unsynced: "lost", chance });
  recorded.rebuild({ at, into: silent, unsynced: "kept", chance });
  cpSync(join(silent, "head"), join(told, "head"));
  await expect(openSqlite({ directory: told, clock: standingClock() })).rejects.toMatchObject({ code: "ledger_corrupt" });
});
