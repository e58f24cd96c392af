import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Chance } from "../gateway/load.js";
import { bytesOf, type Call } from "./trace.js";

/** A change of a file's bytes. */
interface Change {
  readonly call: Call;
  readonly offset: number;
  /** What is written there; null when the file ends there from then on. */
  readonly bytes: Buffer | null;
}

interface File {
  readonly path: string;
  readonly changes: Change[];
  /** Syncs that were successful. */
  readonly syncs: Call[];
  /** Every time it was created or removed. */
  readonly names: { readonly call: Call; readonly exists: boolean }[];
}

/** What the machine did with what was not synced when its power went. */
export type Unsynced = "lost" | "kept" | "some";

/** What a process did to its data directory, as the system saw it. */
export interface Recorded {
  /** Line behind the last one. */
  readonly end: number;
  /** Lines of syncs of a file, by its name. */
  syncsOf(name: string): readonly Call[];
  /** Lines that the process had said before a line of the trace. */
  saidBefore(at: number): readonly string[];
  /** Writes the files as they are when the power goes at a line. `deaf` are files whose syncs the disk forgets. */
  rebuild(of: { at: number; into: string; unsynced: Unsynced; chance: Chance; deaf?: readonly string[] }): void;
}

/** Files that hold the ledger. The others are locks, notes and shared memory, which no start believes. */
const LEDGER = new Set(["ledger.db", "ledger.db-wal", "ledger.db-journal", "head"]);
/** Bytes that a disk writes whole. */
const SECTOR = 512;

const DESCRIPTOR = /^\d+<([^>]*)>/;

/** Change that a call makes to a file's bytes. Throws at a call that this disk does not know. */
function changeOf(call: Call): Change {
  if (call.name === "pwrite64") {
    const [, text = "", offset] = /"([^"]*)", \d+, (\d+)$/.exec(call.args) ?? [];
    return { call, offset: Number(offset), bytes: bytesOf(text) };
  }
  if (call.name === "ftruncate") return { call, offset: Number(/, (\d+)$/.exec(call.args)?.[1]), bytes: null };
  throw new Error(`The ledger was changed by ${call.name}, which this disk does not know.`);
}

/** Line from which on it is durable, come what may: where the first sync ends that began when it was done. */
function durableAt(call: Call, syncs: readonly Call[]): number {
  let [low, high] = [0, syncs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((syncs[middle]?.start ?? 0) > call.end) high = middle;
    else low = middle + 1;
  }
  return syncs[low]?.end ?? Number.POSITIVE_INFINITY;
}

function survives(unsynced: Unsynced, chance: Chance): boolean {
  return unsynced === "kept" || (unsynced === "some" && chance(2) === 0);
}

/** Bytes of a file that grows and shrinks. */
function openBytes() {
  let room = Buffer.alloc(65_536);
  let size = 0;
  return {
    take({ offset, bytes }: Pick<Change, "offset" | "bytes">): void {
      if (bytes === null) {
        room.fill(0, Math.min(offset, size), size);
        size = offset;
        return;
      }
      const end = offset + bytes.length;
      if (end > room.length) room = Buffer.concat([room, Buffer.alloc(2 * end - room.length)]);
      bytes.copy(room, offset);
      size = Math.max(size, end);
    },
    read: (): Buffer => room.subarray(0, size),
  };
}

interface Happened {
  fileAt(path: string): File;
  readonly files: ReadonlyMap<string, File>;
  /** What the process said, and when. */
  readonly said: readonly { readonly call: Call; readonly text: string }[];
}

const quotedIn = (call: Call): string => bytesOf(/"([^"]*)"/.exec(call.args)?.[1] ?? "").toString();

function readCalls(calls: readonly Call[], directory: string): Happened {
  const files = new Map<string, File>();
  const said: { readonly call: Call; readonly text: string }[] = [];
  const fileAt = (path: string): File => {
    const known = files.get(path) ?? { path, changes: [], syncs: [], names: [] };
    files.set(path, known);
    return known;
  };
  const name = (call: Call, exists: boolean): void => {
    const { names } = fileAt(quotedIn(call));
    if ((names.at(-1)?.exists ?? false) !== exists) names.push({ call, exists });
  };
  for (const call of calls) {
    if (call.result !== null && call.result < 0) continue;
    if (call.name === "write" && call.args.startsWith("1<")) said.push({ call, text: quotedIn(call) });
    else if (call.name === "mkdir") name(call, true);
    else if (call.name === "unlink") name(call, false);
    else if (call.name === "openat") {
      if (call.args.includes("O_CREAT")) name(call, true);
    } else {
      const path = bytesOf(DESCRIPTOR.exec(call.args)?.[1] ?? "").toString();
      if (call.name === "fsync" || call.name === "fdatasync") {
        if (call.result === 0) fileAt(path).syncs.push(call);
      } else if (dirname(path) === directory && LEDGER.has(basename(path))) fileAt(path).changes.push(changeOf(call));
    }
  }
  return { fileAt, files, said };
}

/** Reads from a trace what happened in a data directory that was not there before. */
export function record(calls: readonly Call[], directory: string): Recorded {
  const { fileAt, files, said } = readCalls(calls, directory);

  /** Whether a name is found afterwards: a directory's entry is synced with the directory, not with the file. */
  function exists(path: string, of: { at: number; unsynced: Unsynced; chance: Chance }): boolean {
    const { syncs } = fileAt(dirname(path));
    let found = false;
    for (const { call, exists } of fileAt(path).names) {
      if (call.start >= of.at) break;
      if (durableAt(call, syncs) < of.at || survives(of.unsynced, of.chance)) found = exists;
    }
    return found;
  }

  function contents(file: File, of: { at: number; unsynced: Unsynced; chance: Chance; syncs: readonly Call[] }): Buffer {
    const { at, unsynced, chance, syncs } = of;
    const disk = openBytes();
    for (const change of file.changes) {
      if (change.call.start >= at) break;
      if (durableAt(change.call, syncs) < at) disk.take(change);
      else if (survives(unsynced, chance)) {
        // Of a write that was under way, some sectors may be the new ones and the rest the old.
        const torn = unsynced === "some" && change.bytes !== null && chance(4) === 0;
        const sectors = torn ? chance(Math.ceil((change.bytes?.length ?? 0) / SECTOR)) * SECTOR : undefined;
        disk.take({ ...change, bytes: change.bytes === null ? null : change.bytes.subarray(0, sectors) });
      }
    }
    return disk.read();
  }

  return {
    end: Math.max(0, ...calls.map(({ start }) => start)) + 1,
    syncsOf: (of) => fileAt(join(directory, of)).syncs,
    saidBefore: (at) =>
      said
        .filter(({ call }) => call.start < at)
        .map(({ text }) => text)
        .join("")
        .split("\n"),
    rebuild({ into, deaf = [], ...of }) {
      // Every directory above it that the process made, too: without its entry nothing below is found.
      const made = [...files.keys()].filter((path) => directory === path || directory.startsWith(`${path}/`));
      const reached = made.filter((path) => fileAt(path).names.length > 0).every((path) => exists(path, of));
      mkdirSync(into, { recursive: true });
      if (!reached) return;
      for (const file of files.values()) {
        if (dirname(file.path) !== directory || !LEDGER.has(basename(file.path)) || !exists(file.path, of)) continue;
        const syncs = deaf.includes(basename(file.path)) ? [] : file.syncs;
        writeFileSync(join(into, basename(file.path)), contents(file, { ...of, syncs }));
      }
    },
  };
}
