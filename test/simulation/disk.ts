/**
 * A disk with a cache of its own. A batch of the log is one frame: written, then synced; a crash in between leaves all of
 * it, none of it, a torn part or flipped bytes. A sync that fails says nothing of what is on the platter.
 */
import { hash as digest } from "node:crypto";
import { apply } from "../../src/accounting/ledger/apply.js";
import { emptyState, nothingTouched } from "../../src/accounting/ledger/empty-state.js";
import type { Entry } from "../../src/accounting/ledger/entry.js";
import type { Hold, Resolution, State, Touched } from "../../src/accounting/ledger/state.js";
import { openVerifier } from "../../src/accounting/ledger/verify.js";
import type { Persistence } from "../../src/stores/journal.js";
import type { Operations } from "./operations.js";
import type { Random } from "./random.js";
import { later, type Scheduler } from "./scheduler.js";

function sha256(text: string): string {
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

/** One stored line, and the entry that is read from its text. */
export interface Stored {
  readonly seq: number;
  readonly json: string;
  readonly entry: Entry;
}

/** What one process sees of the disk. */
export interface OpenDisk extends Persistence {
  readonly touched: Touched;
}

export interface SimulatedDisk {
  /** What is on the platter, in order. */
  readonly lines: readonly Stored[];
  /** Attempts whose hold is on the platter. */
  readonly held: ReadonlySet<string>;
  /** Opens it for a process; drops a tail that is not whole. Throws where anything else is not what was written. */
  open(owner: number): OpenDisk;
  /** The process that wrote is gone: decides what became of what was not synced. False where some of it is lost. */
  crash(): boolean;
  heal(): void;
  /** The verifier that ships must find nothing on the platter either. */
  verify(): void;
  /** SHA-256 of all that is on the platter. */
  hash(): string;
}

export interface DiskOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: DiskFaults;
  readonly operations: Operations;
  /** Each batch, read from its text, before anything of it is on the platter. */
  readonly onAppend: (lines: readonly Stored[]) => void;
  readonly fail: (message: string) => void;
}

/** A frame as it stands on the platter: its checksum, then one line a row. */
function frameOf(lines: readonly Stored[]): string {
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
  private readonly byAttempt = new Map<string, Entry[]>();
  private cached: readonly Stored[] | null = null;
  private faults: DiskFaults;

  constructor(private readonly options: DiskOptions) {
    this.faults = options.faults;
  }

  private keep(batch: readonly Stored[]): void {
    for (const line of batch) {
      const { seq, entry } = line;
      const before = this.lines.length;
      if (seq !== before + 1) this.options.fail(`Entry ${seq} is written after entry ${before}.`);
      this.lines.push(line);
      if (entry.type === "call.held") this.held.add(entry.attempt_id);
      if (!("attempt_id" in entry)) continue;
      const known = this.byAttempt.get(entry.attempt_id);
      if (known === undefined) this.byAttempt.set(entry.attempt_id, [entry]);
      else known.push(entry);
    }
  }

  private openAppend(owner: number): Persistence["append"] {
    const { scheduler, random, fail, onAppend, operations } = this.options;
    let broken = false;
    let writing = false;
    return async (lines) => {
      if (broken) fail("The log is written again after a write of it failed.");
      if (writing) fail("Two batches are written at once.");
      const batch = lines.map(({ seq, json }) => ({ seq, json, entry: JSON.parse(json) as Entry }));
      onAppend(batch);
      writing = true;
      this.cached = batch;
      operations.disk += 1;
      const slow = random.chance(this.faults.slow);
      if (slow) operations.fault += 1;
      await later(scheduler, owner, slow ? random.between(20, 3_000) : random.next() * 2);
      operations.disk += 1;
      if (random.chance(this.faults.sync_fails)) {
        operations.fault += 1;
        broken = true;
        throw new Error("EIO: i/o error, fsync");
      }
      this.keep(batch);
      this.cached = null;
      writing = false;
    };
  }

  /** The state that the lines say. */
  private load(): State {
    const loaded = emptyState();
    for (const { entry } of this.lines) apply(loaded, entry);
    if (this.faults.forgetful) loaded.resolutions.clear();
    return loaded;
  }

  private outcomeOf(attemptId: string): Resolution | Hold | null {
    const state = emptyState();
    for (const entry of this.byAttempt.get(attemptId) ?? []) apply(state, entry);
    return state.resolutions.get(attemptId) ?? state.holds.get(attemptId) ?? null;
  }

  open(owner: number): OpenDisk {
    const { scheduler, random, operations } = this.options;
    const { lines } = this;
    operations.disk += 1;
    return {
      loaded: this.load(),
      touched: nothingTouched(),
      append: this.openAppend(owner),
      async *read(fromSeq) {
        operations.disk += 1;
        for (let index = Math.max(0, fromSeq - 1); index < lines.length; index++) yield (lines[index] as Stored).entry;
      },
      async readCall(callId) {
        return lines.map(({ entry }) => entry).filter((entry) => "call_id" in entry && entry.call_id === callId);
      },
      find: async (attemptId) => {
        operations.disk += 1;
        await later(scheduler, owner, random.next() * 5);
        return this.outcomeOf(attemptId);
      },
      admissionOpen: () => {
        const { full } = this.faults;
        const open = full === 0 || Math.floor(scheduler.now / 2_000) % Math.round(1 / full) !== 0;
        if (!open) operations.fault += 1;
        return open;
      },
      async close() {},
    };
  }

  crash(): boolean {
    const { random, operations } = this.options;
    const batch = this.cached;
    this.cached = null;
    if (batch === null) return true;
    if (random.chance(0.4)) return false;
    const damaged = random.chance(0.6);
    if (damaged) operations.fault += 1;
    const frame = frameOf(batch);
    if (!isWhole(damaged ? torn(frame, random) : frame)) return false;
    this.keep(batch);
    return true;
  }

  verify(): void {
    const verifier = openVerifier({ sha256 });
    for (const { seq, json } of this.lines) verifier.check({ seq, json, hash: null });
    const [first] = verifier.finish().violations;
    if (first !== undefined) this.options.fail(`verify: ${first.rule} at entry ${first.seq}: ${first.message}`);
  }

  hash(): string {
    return sha256(this.lines.map(({ json }) => json).join("\n"));
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
