/**
 * One simulated world: clients, other programs, an operator, the real road over the real journal, a disk, a provider and a
 * clock, all in virtual time. First a phase of faults, in which nothing may ever be wrong; then the faults end, and
 * everything must settle.
 */
import type { LedgerCommand, LedgerResult } from "../../src/accounting/ledger/command.js";
import type { PriceBook } from "../../src/accounting/price/price-row.js";
import { auditBill, chargedFor } from "./audit.js";
import { Books } from "./books.js";
import { type ClientCall, type Clients, openClients } from "./clients.js";
import { openDisk, type SimulatedDisk, type Stored } from "./disk.js";
import { whatWasMet } from "./met.js";
import { noOperations, type Operations } from "./operations.js";
import { type Operator, openOperator } from "./operator.js";
import { LIMITS, type Process, startProcess } from "./process.js";
import type { Calling, ProviderOptions } from "./provider.js";
import { openRandom, type Random } from "./random.js";
import { openRemotes, type Remotes } from "./remote.js";
import { OUTSIDE, openScheduler, replaceTimers, type Scheduler } from "./scheduler.js";
import { openScripts } from "./script.js";
import { drawSwarm, NO_FAULTS, type Swarm } from "./swarm.js";
import { openWallClock, type WallClock } from "./wall-clock.js";

/** What a world came to. */
export interface Outcome {
  readonly seed: number;
  /** First thing that was wrong, or null. */
  readonly violation: string | null;
  readonly operations: Operations;
  readonly calls: number;
  readonly entries: number;
  /** Hash of the whole log: the same seed gives the same. */
  readonly hash: string;
  /** How often what matters came about, by name. */
  readonly met: Readonly<Record<string, number>>;
}

export interface WorldOptions {
  readonly seed: number;
  readonly prices: PriceBook;
  /** Calls of clients and other programs to begin. */
  readonly calls: number;
  /** `ledger`: nobody takes the road; other programs ask the ledger themselves, ten times as often. */
  readonly only?: "ledger";
  /** Keeps the stacks of errors, to look into a world that went wrong. */
  readonly traced?: boolean;
}

/** Long enough for the slowest: a silent provider, three times, a drain, and the sweep that finds the silent. */
const DRAIN_MS = 420_000;
const SETTLE_MS = 60_000;
/** Events between two comparisons with the books: of all that was touched since the last one, and of everything served. */
const TOUCHED_EVERY = 64;
const COMPARED_EVERY = 4_096;

class World {
  readonly random: Random;
  readonly swarm: Swarm;
  readonly operations = noOperations();
  readonly scheduler: Scheduler = openScheduler();
  readonly clock: WallClock;
  readonly disk: SimulatedDisk;
  readonly clients: Clients;
  readonly remotes: Remotes;
  books: Books;
  process: Process | null = null;
  violation: string | null = null;
  healed = false;
  crashes = 0;
  begun = 0;
  private owner = OUTSIDE;
  private readonly dead = new Set<number>();
  private readonly waiting = new Set<() => void>();
  private naming: ClientCall | null = null;
  private ids = 0;
  /** What this or an earlier process was told is done. */
  private readonly acknowledged = new Map<string, string>();
  private readonly refusals = new Map<string, number>();
  private failing = false;
  private notStarted: () => void = () => {};

  constructor(private readonly options: WorldOptions) {
    const random = openRandom(options.seed);
    this.random = random;
    this.swarm = drawSwarm(random, options);
    const { swarm, scheduler, operations } = this;
    this.clock = openWallClock(scheduler, random);
    this.books = new Books(this.fail);
    this.disk = openDisk({
      scheduler,
      random,
      operations,
      faults: swarm.disk,
      fail: this.fail,
      onAppend: (lines) => lines.forEach(this.take),
    });
    const faults = () => (this.healed ? NO_FAULTS : swarm.provider);
    const scripts = openScripts({ random, operations, faults, inputRatio: swarm.inputRatio, long: swarm.long });
    const provider: ProviderOptions = { scheduler, scripts, operations, timeoutMs: LIMITS.idle_ms, onSend: this.onSend };
    this.clients = openClients({
      random,
      swarm,
      provider,
      wall: this.clock.now,
      naming: (call) => {
        this.naming = call;
      },
      onReply: (call, reply) => {
        if (reply.kind !== "refused") return;
        const { code, message } = reply.error;
        this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
        if (code === "internal") this.fail(`${call.call_id} failed inside: ${message} ${String(reply.error.cause)}`);
        const storeFails = swarm.disk.full > 0 || swarm.disk.sync_fails > 0;
        if (code === "store_unavailable" && !storeFails)
          this.fail(`${call.call_id} found a store that had not failed unavailable.`);
      },
    });
    this.remotes = openRemotes({ scheduler, random, swarm, operations, ask: this.ask, fail: this.fail });
  }

  /** One entry that is on its way to the platter. G8: none is of a time that has not come, whatever the wall clock says. */
  private readonly take = ({ entry }: Stored): void => {
    this.books.take(entry);
    const ahead = Math.round(entry.at - this.clock.latest());
    if (ahead > 0) this.fail(`G8: entry ${entry.seq} is ${ahead} ms ahead of all time that has passed.`);
  };

  readonly fail = (message: string): void => {
    this.violation ??= `${message} (${Math.round(this.scheduler.now)} ms)`;
  };

  /** I2: before a byte is on its way the attempt has a hold of its own on the platter. */
  private readonly onSend = ({ call_id, dispatches }: Calling): void => {
    const attempt_id = dispatches.at(-1)?.attempt_id ?? call_id;
    if (!this.disk.held.has(attempt_id)) {
      this.fail(`I2: ${attempt_id} is sent without a durable hold of its own.`);
      return;
    }
    const state = this.books.attempts.get(attempt_id)?.state;
    if (state !== "pending") this.fail(`I2: ${attempt_id} is sent under a hold that is ${state}.`);
  };

  private readonly newId = (): string => {
    const call_id = `call${this.ids++}`;
    if (this.naming !== null) this.naming.call_id = call_id;
    this.naming = null;
    return call_id;
  };

  /** Asks the process that runs; null when it is gone or fails before it answers. */
  readonly ask = (command: LedgerCommand): Promise<LedgerResult | null> => {
    const { process, waiting } = this;
    if (process === null) return Promise.resolve(null);
    return new Promise((resolve) => {
      const answer = (result: LedgerResult | null): void => {
        waiting.delete(lost);
        resolve(result);
      };
      const lost = (): void => answer(null);
      waiting.add(lost);
      process.door.apply([command]).then(
        ([result]) => answer(result ?? null),
        () => answer(null),
      );
    });
  };

  private readonly onAnswer = (command: LedgerCommand, result: LedgerResult): void => {
    if (!result.ok || !("attempt_id" in command)) return;
    const { type, attempt_id } = command;
    if (type === "hold") this.acknowledged.set(attempt_id, "pending presumed posted voided");
    else if (type === "post") this.acknowledged.set(attempt_id, "posted");
    else if (type === "void") this.acknowledged.set(attempt_id, "voided");
  };

  private async boot(): Promise<void> {
    this.owner += 1;
    const { owner, scheduler, operations, disk, clock, newId, onAnswer, fail } = this;
    clock.boot();
    const process = await startProcess({
      owner,
      scheduler,
      operations,
      disk,
      wall: clock.now,
      slept: clock.slept,
      newId,
      onAnswer,
      fail,
      prices: this.options.prices,
      opened: (loaded) => this.books.compare(loaded),
      onCommand: () => {
        operations.command += 1;
      },
      observe: (event) => {
        if (event.kind !== "fault" || this.process?.ledger.failure() !== null) return;
        fail(`${event.call_id} had a fault: ${event.reason} ${String(event.error ?? "")}`);
      },
    });
    const budgets = { type: "declare", budgets: this.swarm.budgets, actor: "config", reason: "start" } as const;
    await process.door.apply([budgets]);
    this.process = process;
    this.failing = false;
  }

  start(): void {
    this.boot().catch((error: unknown) => {
      // The disk failed while the process started: the next one tries again.
      if (this.swarm.disk.sync_fails === 0) this.fail(`The process does not start: ${String(error)}`);
      this.crash();
    });
  }

  /** The process is gone at this instant; what is on the platter decides what was. */
  crash(): void {
    this.crashes += 1;
    this.scheduler.kill(this.owner);
    this.dead.add(this.owner);
    this.process = null;
    this.operations.fault += 1;
    const whole = this.disk.crash();
    if (!whole) {
      // What was on its way is lost, and the books of it too.
      this.books = new Books(this.fail);
      for (const { entry } of this.disk.lines) this.books.take(entry);
    }
    for (const [attempt_id, states] of this.acknowledged) {
      const state = this.books.attempts.get(attempt_id)?.state ?? "unknown";
      if (!states.includes(state)) this.fail(`I6: ${attempt_id} was acknowledged (${states}) and is ${state} after the crash.`);
    }
    for (const lost of [...this.waiting]) lost();
    this.notStarted();
    this.notStarted = this.scheduler.after(this.random.between(1, 2_000), OUTSIDE, () => this.start());
  }

  jump(): void {
    this.operations.fault += 1;
    this.clock.jump({ msMax: this.swarm.jumpMsMax, sleeps: this.swarm.sleeps });
  }

  /** After every event: nothing that the process serves may be what it must not be. */
  readonly checked = (): void => {
    const { process } = this;
    if (process === null) return;
    const { ledger, disk } = process;
    if (ledger.failure() !== null) {
      if (this.failing) return;
      this.failing = true;
      this.scheduler.after(this.random.between(50, 3_000), this.owner, () => this.crash());
      return;
    }
    const state = ledger.state();
    this.books.checkServed(state, disk.touched.accounts, process.clock.now());
    if (this.books.seq === state.seq) {
      const { steps } = this.scheduler;
      if (steps % COMPARED_EVERY === 0) this.books.compare(state);
      else if (steps % TOUCHED_EVERY === 0) this.books.compareTouched(state);
    }
    const { accounts, agents, budgets, calibrations, holds } = disk.touched;
    for (const keys of [accounts, agents, budgets, calibrations, holds]) if (keys.size > 0) keys.clear();
  };

  private arrive(): void {
    if (this.begun >= this.options.calls) return;
    this.begun += 1;
    const { random, swarm, process } = this;
    this.scheduler.after(-Math.log(1 - random.next()) * swarm.callEveryMs, OUTSIDE, () => this.arrive());
    const failed = (error: unknown): void =>
      this.fail(`A client failed: ${error instanceof Error ? error.stack : String(error)}`);
    if (random.chance(swarm.remote)) this.remotes.run().catch(failed);
    else if (process !== null) this.clients.call(process).catch(failed);
  }

  private every(meanMs: number | null, act: () => void): void {
    if (meanMs === null) return;
    const next = (): void => {
      this.scheduler.after(-Math.log(1 - this.random.next()) * meanMs, OUTSIDE, () => {
        if (this.healed) return;
        act();
        next();
      });
    };
    next();
  }

  private operator(): Operator {
    const { random, swarm, operations, ask, chargeOf, clock } = this;
    return openOperator({ random, swarm, operations, ask, chargeOf, wall: clock.now, books: () => this.books });
  }

  private async faulty(): Promise<void> {
    const { swarm, scheduler } = this;
    const operator = this.operator();
    this.start();
    this.arrive();
    this.every(swarm.crashEveryMs, () => this.crash());
    this.every(swarm.jumpEveryMs, () => this.jump());
    this.every(swarm.operatorEveryMs, () => void operator.act());
    const done = (): boolean => this.violation !== null || this.begun >= this.options.calls;
    await scheduler.run({ until: Number.POSITIVE_INFINITY, done, checked: this.checked });
  }

  private readonly chargeOf = (attempt_id: string): bigint =>
    chargedFor(attempt_id, { calls: this.clients.calls, remotes: this.remotes.attempts });

  private async runFor(ms: number): Promise<void> {
    const { scheduler, checked } = this;
    await scheduler.run({ until: scheduler.now + ms, done: () => this.violation !== null, checked });
  }

  /** The faults end; all must come to rest, and every presumed attempt can be settled at its bill. */
  private async drain(): Promise<void> {
    this.healed = true;
    this.disk.heal();
    if (this.process === null || this.failing) this.crash();
    await this.runFor(DRAIN_MS);
    const { process, books } = this;
    if (this.violation !== null) return;
    if (process === null) {
      this.fail("No process serves after the faults have ended.");
      return;
    }
    if (process.road.active.size > 0) this.fail(`I7: ${process.road.active.size} attempts are in flight after the drain.`);
    for (const call of this.clients.calls) {
      if (!call.over && call.owner === process.owner) this.fail(`${call.call_id} never ended for its client.`);
    }
    books.compare(process.ledger.state());
    const audited = {
      calls: this.clients.calls,
      remotes: this.remotes.attempts,
      died: (owner: number) => this.dead.has(owner),
    };
    const problem = auditBill({ ...audited, books });
    if (problem !== null) {
      this.fail(problem);
      return;
    }
    await this.resolveAll();
    const after = auditBill({ ...audited, books });
    if (after !== null) this.fail(after);
    // The books have checked every entry; every fourth log is also given to the verifier that ships.
    if (this.options.seed % 4 === 0) this.disk.verify();
  }

  private async resolveAll(): Promise<void> {
    let resolved = false;
    const all = this.operator().resolveAll();
    all.then(() => {
      resolved = true;
    }, this.fail);
    await this.runFor(SETTLE_MS);
    if (!resolved) this.fail("I7: what was presumed could not be settled.");
    for (const { opening, held } of this.books.book.accounts.values()) {
      if (held !== 0n) this.fail(`I7: ${held} is still held on ${opening.id} after everything was settled.`);
    }
    if (this.process !== null) this.books.compare(this.process.ledger.state());
  }

  async run(): Promise<Outcome> {
    const back = replaceTimers(this.scheduler, () => this.owner);
    // Errors are part of the traffic here, and where each was made is looked up a hundred thousand times for nobody.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = this.options.traced === true ? stackTraceLimit : 0;
    try {
      await this.faulty();
      if (this.violation === null) await this.drain();
    } finally {
      back();
      Error.stackTraceLimit = stackTraceLimit;
    }
    const { violation, crashes, operations, disk } = this;
    const entries = disk.lines.length;
    return {
      seed: this.options.seed,
      violation,
      operations,
      calls: this.begun,
      entries,
      hash: disk.hash(),
      met: { crashes, ...whatWasMet({ books: this.books, calls: this.clients.calls, refusals: this.refusals }) },
    };
  }
}

/** Runs one world to its end. The same options give the same outcome. */
export function simulate(options: WorldOptions): Promise<Outcome> {
  return new World(options).run();
}
