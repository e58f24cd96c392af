/**
 * A disk with a cache of its own. A batch of the log is one frame: written, then synced; a crash in between leaves all of
 * it, none of it, a torn part or flipped bytes. A sync that fails says nothing of what is on the platter.
 */
import { hash as digest } from "node:crypto";
import { apply } from "../../src/accounting/ledger/apply.js";
import { emptyState, nothingTouched } from "../../src/accounting/ledger/empty-state.js";
import type { Entry } from "../../src/accounting/ledger/entry.js";
import type { Hold, Resolution, State, Touched } from "../../src/accounting/ledger/state.js";
import type { Persistence } from "../../src/stores/journal.js";
import type { LogLine } from "../../src/stores/log-writer.js";
import type { Random } from "./random.js";
import { later, type Scheduler } from "./scheduler.js";

export const NO_HASH = "0".repeat(64);

export function sha256(text: string): string {
  return digest("sha256", text);
}

/** What can go wrong with it; probabilities per batch. */
export interface DiskFaults {
  readonly sync_fails: number;
  readonly slow: number;
  readonly full: number;
  /** A restart forgets what became of settled attempts, as a bounded memory does. */
  readonly forgetful: boolean;
}

/** One stored line. */
export interface Stored {
  readonly seq: number;
  readonly json: string;
  readonly hash: string;
  readonly call_id: string | null;
  readonly attempt_id: string | null;
}

/** What one process sees of the disk. */
export interface OpenDisk extends Persistence {
  readonly touched: Touched;
}

export interface SimulatedDisk {
  /** What is on the platter, in order. */
  readonly lines: readonly Stored[];
  readonly hash: string;
  /** Attempts whose hold is on the platter. */
  readonly held: ReadonlySet<string>;
  /** Opens it for a process; drops a tail that is not whole. Throws where anything else is not what was written. */
  open(owner: number): OpenDisk;
  /** The process that wrote is gone: decides what became of what was not synced. */
  crash(): void;
  heal(): void;
}

export interface DiskOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: DiskFaults;
  /** Each batch as it is handed over, before anything of it is written. */
  readonly onAppend: (lines: readonly LogLine[]) => void;
  readonly fail: (message: string) => void;
}

/** A frame as it stands on the platter: its checksum, then one line a row. */
function frameOf(lines: readonly LogLine[]): string {
  const body = lines.map((line) => line.json).join("\n");
  return `${sha256(body)}\n${body}`;
}

function isWhole(text: string): boolean {
  const end = text.indexOf("\n");
  return end >= 0 && sha256(text.slice(end + 1)) === text.slice(0, end);
}

/** The platter, and what is on its way to it. */
class Disk implements SimulatedDisk {
  lines: Stored[] = [];
  readonly held = new Set<string>();
  private cached: readonly LogLine[] | null = null;
  private faults: DiskFaults;

  constructor(private readonly options: DiskOptions) {
    this.faults = options.faults;
  }

  get hash(): string {
    return this.lines.at(-1)?.hash ?? NO_HASH;
  }

  private keep(batch: readonly LogLine[]): void {
    for (const { seq, json, call_id, attempt_id, type } of batch) {
      const previous = this.lines.at(-1);
      if (seq !== (previous?.seq ?? 0) + 1) this.options.fail(`Entry ${seq} is written after entry ${previous?.seq ?? 0}.`);
      this.lines.push({ seq, json, call_id, attempt_id, hash: sha256(`${this.hash}\n${json}`) });
      if (type === "call.held" && attempt_id !== null) this.held.add(attempt_id);
    }
  }

  private openAppend(owner: number): Persistence["append"] {
    const { scheduler, random, fail, onAppend } = this.options;
    let broken = false;
    let writing = false;
    return async (batch) => {
      if (broken) fail("The log is written again after a write of it failed.");
      if (writing) fail("Two batches are written at once.");
      onAppend(batch);
      writing = true;
      this.cached = batch;
      await later(scheduler, owner, random.chance(this.faults.slow) ? random.between(20, 3_000) : random.next() * 2);
      if (random.chance(this.faults.sync_fails)) {
        broken = true;
        throw new Error("EIO: i/o error, fsync");
      }
      this.keep(batch);
      this.cached = null;
      writing = false;
    };
  }

  /** The state that the lines say; each must follow from the one before it. */
  private load(): State {
    let hash = NO_HASH;
    const loaded = emptyState();
    for (const line of this.lines) {
      hash = sha256(`${hash}\n${line.json}`);
      if (hash !== line.hash) this.options.fail(`Entry ${line.seq} does not follow from the one before it.`);
      apply(loaded, JSON.parse(line.json) as Entry);
    }
    if (this.faults.forgetful) loaded.resolutions.clear();
    return loaded;
  }

  private outcomeOf(attemptId: string): Resolution | Hold | null {
    const state = emptyState();
    for (const line of this.lines) if (line.attempt_id === attemptId) apply(state, JSON.parse(line.json) as Entry);
    return state.resolutions.get(attemptId) ?? state.holds.get(attemptId) ?? null;
  }

  open(owner: number): OpenDisk {
    const { scheduler, random } = this.options;
    const { lines } = this;
    return {
      loaded: this.load(),
      touched: nothingTouched(),
      append: this.openAppend(owner),
      async *read(fromSeq) {
        for (let index = Math.max(0, fromSeq - 1); index < lines.length; index++) {
          yield JSON.parse((lines[index] as Stored).json) as Entry;
        }
      },
      async readCall(callId) {
        return lines.filter((line) => line.call_id === callId).map((line) => JSON.parse(line.json) as Entry);
      },
      find: async (attemptId) => {
        await later(scheduler, owner, random.next() * 5);
        return this.outcomeOf(attemptId);
      },
      admissionOpen: () => {
        const { full } = this.faults;
        return full === 0 || Math.floor(scheduler.now / 2_000) % Math.round(1 / full) !== 0;
      },
      async close() {},
    };
  }

  crash(): void {
    const { random } = this.options;
    const batch = this.cached;
    this.cached = null;
    if (batch === null || random.chance(0.4)) return;
    const frame = frameOf(batch);
    if (isWhole(random.chance(0.6) ? torn(frame, random) : frame)) this.keep(batch);
  }

  heal(): void {
    this.faults = { ...this.faults, sync_fails: 0, slow: 0, full: 0 };
  }
}

/** The tail of a frame that a crash left: torn at some byte, or with one of them changed. */
function torn(frame: string, random: Random): string {
  const at = random.between(0, frame.length - 1);
  const flipped = frame[at] === "0" ? "1" : "0";
  return random.chance(0.5) ? frame.slice(0, at) : `${frame.slice(0, at)}${flipped}${frame.slice(at + 1)}`;
}

export function openDisk(options: DiskOptions): SimulatedDisk {
  return new Disk(options);
}
