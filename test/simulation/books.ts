/**
 * The reference: naive books, kept from the log alone. They share no rule with `decide` and `apply`: paths, windows,
 * amounts and limits are worked out here once more, from the entries and from what the design says of them. What an entry
 * may not be is told to `fail`.
 */
import type { CeilingJson, Entry, OverrunEntry, PostedEntry, Posting } from "../../src/accounting/ledger/entry.js";
import type { State } from "../../src/accounting/ledger/state.js";
import { type AccountBook, AccountBooks } from "./accounts.js";
import { type Counts, chargeOf, wantOf } from "./amounts.js";

/** One attempt as the log tells it. */
export interface AttemptBook {
  readonly attempt_id: string;
  readonly call_id: string;
  /** When it was held. */
  readonly at: number;
  /** Input tokens that are held. */
  input: number;
  /** Held by a program that asks the ledger itself, without the road. */
  readonly remote: boolean;
  readonly postings: Map<string, bigint>;
  /** What is held, then what was posted. */
  nano: bigint;
  state: "pending" | "presumed" | "posted" | "voided";
  /** Why it was presumed. */
  reason: string | null;
  evidence: PostedEntry["evidence"] | null;
  outcome: PostedEntry["outcome"] | null;
  overrun: OverrunEntry["cause"] | null;
}

interface Owed {
  readonly attempt: AttemptBook;
  readonly more: ReadonlyMap<string, bigint>;
  readonly nano: bigint;
}

export class Books {
  readonly attempts = new Map<string, AttemptBook>();
  readonly book: AccountBooks;
  seq = 0;
  /** What entries have touched since the last comparison. */
  private readonly touched = { accounts: new Set<string>(), attempts: new Set<string>() };
  private owed: Owed | null = null;

  /** `knowsPaths` false: of calls and windows that the reference cannot work out, only what the entries say themselves. */
  constructor(
    private readonly fail: (message: string) => void,
    private readonly knowsPaths = true,
  ) {
    this.book = new AccountBooks(fail);
  }

  take(entry: Entry): void {
    if (entry.seq !== this.seq + 1) this.fail(`Entry ${entry.seq} follows entry ${this.seq}.`);
    this.seq = entry.seq;
    if ("attempt_id" in entry) this.touched.attempts.add(entry.attempt_id);
    const due = this.owed;
    this.owed = null;
    if (due !== null && (entry.type !== "call.overrun" || entry.attempt_id !== due.attempt.attempt_id)) {
      this.fail(`I1: ${due.attempt.attempt_id} is posted beyond its hold and names no overrun.`);
    }
    this.takeInto(entry, due);
  }

  /** Nothing more is to come. */
  end(): void {
    if (this.owed !== null) this.fail(`I1: ${this.owed.attempt.attempt_id} is posted beyond its hold and names no overrun.`);
    this.owed = null;
  }

  private takeInto(entry: Entry, due: Owed | null): void {
    if (entry.type === "call.held") this.takeHeld(entry);
    else if (entry.type === "call.extended") this.takeExtended(entry);
    else if (entry.type === "call.posted") this.takePosted(entry);
    else if (entry.type === "call.voided") this.takeVoided(entry);
    else if (entry.type === "call.presumed") this.takePresumed(entry);
    else if (entry.type === "call.refused") this.takeRefused(entry);
    else if (entry.type === "budget.changed") this.book.change(entry);
    else if (due !== null) this.takeOverrun(entry, due);
    else this.fail(`The overrun of ${entry.attempt_id} follows no post beyond a hold.`);
  }

  private account(id: string): AccountBook {
    this.touched.accounts.add(id);
    const account = this.book.accounts.get(id);
    if (account !== undefined) return account;
    this.fail(`I5: the account ${id} was never opened.`);
    return {
      opening: { id, budget: "", unit: "usd", count: "total", group: [], window_start: null, window_end: null },
      used: 0n,
      held: 0n,
      presumed: 0n,
      overrun: 0n,
    };
  }

  /** Sets a ceiling aside on accounts; no hard one may then stand above its limit. */
  private setAside(
    attempt: AttemptBook,
    told: readonly Posting[],
    of: { ceiling: CeilingJson; requests: bigint; at: number },
  ): void {
    for (const { account: id, amount: text } of told) {
      const account = this.account(id);
      const amount = wantOf(account.opening, of.ceiling, of.requests);
      if (BigInt(text) !== amount) this.fail(`I2: ${attempt.attempt_id} sets ${text} aside on ${id}, not ${amount}.`);
      account.held += amount;
      attempt.postings.set(id, (attempt.postings.get(id) ?? 0n) + amount);
      const limit = this.book.isHard(account) ? this.book.limitOf(account.opening.budget, of.at) : null;
      const { used, held } = this.book.standingOf(account, of.at);
      if (limit !== null && used + held > limit) {
        this.fail(`I1: ${attempt.attempt_id} is admitted on ${id} to ${used} used + ${held} held, beyond ${limit}.`);
      }
    }
  }

  private takeHeld(entry: Extract<Entry, { type: "call.held" }>): void {
    const { attempt_id, call_id, at, ceiling, postings } = entry;
    if (this.attempts.has(attempt_id)) this.fail(`I16: ${attempt_id} is held twice.`);
    const expected = this.knowsPaths ? this.book.pathKeys(entry.attribution, at) : null;
    for (const opening of entry.opens ?? []) this.book.open(opening);
    const told = postings.map((posting) => this.book.keyOf(posting.account));
    if (expected !== null && (told.length !== expected.size || told.some((key) => !expected.has(key)))) {
      this.fail(`I3: ${attempt_id} holds on [${told.join(" ")}], not on [${[...expected].join(" ")}].`);
    }
    const attempt: AttemptBook = {
      attempt_id,
      call_id,
      at,
      input: ceiling.input_tokens,
      remote: entry.provider === "remote",
      postings: new Map(),
      nano: BigInt(ceiling.nano),
      state: "pending",
      reason: null,
      evidence: null,
      outcome: null,
      overrun: null,
    };
    this.attempts.set(attempt_id, attempt);
    this.setAside(attempt, postings, { ceiling, requests: 1n, at });
    if (entry.price_id === null && postings.some(({ account }) => this.book.isHard(this.account(account)))) {
      this.fail(`I12: ${attempt_id} has no price and is admitted by a hard budget.`);
    }
  }

  private takeExtended(entry: Extract<Entry, { type: "call.extended" }>): void {
    const attempt = this.attempts.get(entry.attempt_id);
    if (attempt?.state !== "pending") {
      this.fail(`${entry.attempt_id} is extended and not pending.`);
      return;
    }
    const { postings, ceiling, at } = entry;
    if (postings.length !== attempt.postings.size || postings.some(({ account }) => !attempt.postings.has(account))) {
      this.fail(`I3: ${entry.attempt_id} is extended on other accounts than it holds.`);
    }
    this.setAside(attempt, postings, { ceiling, requests: 0n, at });
    attempt.nano += BigInt(ceiling.nano);
    attempt.input += ceiling.input_tokens;
  }

  /** The attempt that an entry settles, which must be open, with what it held given back. */
  private settled(entry: { readonly type: string; readonly attempt_id: string }): AttemptBook | null {
    const attempt = this.attempts.get(entry.attempt_id);
    if (attempt?.state !== "pending" && attempt?.state !== "presumed") {
      this.fail(`I4: ${entry.type} of ${entry.attempt_id}, which is ${attempt?.state ?? "unknown"}.`);
      return null;
    }
    for (const [id, amount] of attempt.postings) {
      const account = this.account(id);
      account.held -= amount;
      if (attempt.state === "presumed") account.presumed -= amount;
    }
    return attempt;
  }

  private takePosted(entry: PostedEntry): void {
    const attempt = this.settled(entry);
    if (attempt === null) return;
    const nano = BigInt(entry.nano);
    const told = new Map(entry.postings.map(({ account, amount }) => [account, BigInt(amount)]));
    if (told.size !== attempt.postings.size) this.fail(`I3: ${entry.attempt_id} is not posted where it was held.`);
    const more = new Map<string, bigint>();
    for (const [id, held] of attempt.postings) {
      const account = this.account(id);
      // Presumed is what is held; or, where the hold was only a slice of what may be billed, the usage that is told.
      const atHeld = entry.evidence === "presumed" && nano === attempt.nano;
      const charge = atHeld ? held : chargeOf(account.opening, entry.usage as Counts, nano);
      if (told.get(id) !== charge) this.fail(`I5: the post of ${entry.attempt_id} has ${told.get(id)} on ${id}, not ${charge}.`);
      account.used += charge;
      if (charge > held) more.set(id, charge - held);
    }
    if (nano > attempt.nano || more.size > 0) this.owed = { attempt, more, nano: nano - attempt.nano };
    Object.assign(attempt, { state: "posted", nano, evidence: entry.evidence, outcome: entry.outcome });
  }

  private takeOverrun(entry: OverrunEntry, owed: Owed): void {
    owed.attempt.overrun = entry.cause;
    if (BigInt(entry.nano) !== (owed.nano > 0n ? owed.nano : 0n))
      this.fail(`The overrun of ${entry.attempt_id} is ${entry.nano}, not ${owed.nano}.`);
    const told = new Map(entry.postings.map(({ account, amount }) => [account, BigInt(amount)]));
    for (const [id, beyond] of owed.more) {
      const account = this.account(id);
      const limit = this.book.limitOf(account.opening.budget, entry.at);
      const { used, held } = this.book.standingOf(account, entry.at);
      const within = limit === null || used + held <= limit || this.book.isPast(account, entry.at);
      const above = within ? 0n : used + held - limit;
      const due = above < beyond ? above : beyond;
      if ((told.get(id) ?? 0n) !== due)
        this.fail(`The overrun of ${entry.attempt_id} names ${told.get(id) ?? 0n} on ${id}, not ${due}.`);
      account.overrun += due;
    }
  }

  private takeVoided(entry: Extract<Entry, { type: "call.voided" }>): void {
    const attempt = this.settled(entry);
    if (attempt?.state === "presumed" && entry.actor === undefined)
      this.fail(`${entry.attempt_id} was presumed and is voided by nobody.`);
    if (attempt !== null) attempt.state = "voided";
  }

  private takePresumed(entry: Extract<Entry, { type: "call.presumed" }>): void {
    const attempt = this.attempts.get(entry.attempt_id);
    if (attempt?.state !== "pending") {
      this.fail(`I4: ${entry.attempt_id} is presumed and was ${attempt?.state ?? "unknown"}.`);
      return;
    }
    attempt.state = "presumed";
    attempt.reason = entry.reason;
    for (const [id, amount] of attempt.postings) this.account(id).presumed += amount;
  }

  private takeRefused(entry: Extract<Entry, { type: "call.refused" }>): void {
    if (entry.code !== "budget_exceeded" && entry.code !== "budget_waiting") return;
    if (this.knowsPaths && !this.book.isShort(entry.attribution, entry.ceiling, entry.at)) {
      this.fail(`I8: ${entry.attempt_id} is refused (${entry.code}) although every account has room for it.`);
    }
  }

  /** I1, I9: no account that was touched may be what it must not be, at any instant. */
  checkServed(state: State, touched: Iterable<string>, now: number): void {
    for (const id of touched) {
      const account = state.accounts.get(id);
      if (account === undefined) continue;
      const { used, held, presumed, overrun } = account;
      if (held < presumed || presumed < 0n || used < 0n)
        this.fail(`I9: ${id} has ${used} used, ${held} held, ${presumed} presumed.`);
      // What waits for the disk is in the state already; the books hear of it with the next batch.
      const most = this.seq === state.seq ? this.book.bound(id, now) : null;
      if (most !== null && used + held > most + overrun)
        this.fail(`I1: ${id} has ${used} + ${held} beyond ${most} + ${overrun}.`);
    }
  }

  /** Is the state that is served what these books say, in all that was touched since the last time? */
  compareTouched(state: State): void {
    const { accounts, attempts } = this.touched;
    this.compareAll(state, {
      accounts: [...accounts].map((id) => this.book.accounts.get(id)).filter((account) => account !== undefined),
      attempts: [...attempts].map((id) => this.attempts.get(id)).filter((attempt) => attempt !== undefined),
    });
  }

  /** Is the state that is served what these books say? */
  compare(state: State): void {
    this.compareAll(state, { accounts: this.book.accounts.values(), attempts: this.attempts.values() });
  }

  private compareAll(state: State, of: { accounts: Iterable<AccountBook>; attempts: Iterable<AttemptBook> }): void {
    if (state.seq !== this.seq) this.fail(`I5: the state stands at entry ${state.seq}, the log at ${this.seq}.`);
    for (const account of of.accounts) {
      const { opening, used, held, presumed, overrun } = account;
      const served = state.accounts.get(opening.id);
      if (served === undefined) {
        if (held !== 0n || !this.book.mayBeGone(account)) this.fail(`I5: the account ${opening.id} is gone.`);
      } else if (served.used !== used || served.held !== held || served.presumed !== presumed || served.overrun !== overrun) {
        const says = `${served.used} used, ${served.held} held, ${served.presumed} presumed, ${served.overrun} over`;
        this.fail(`I5: ${opening.id} has ${says}; the log says ${used}, ${held}, ${presumed}, ${overrun}.`);
      }
    }
    for (const attempt of of.attempts) {
      const hold = state.holds.get(attempt.attempt_id)?.state ?? "settled";
      const expected = attempt.state === "pending" || attempt.state === "presumed" ? attempt.state : "settled";
      if (hold !== expected) this.fail(`I4: ${attempt.attempt_id} is served as ${hold}; the log says ${attempt.state}.`);
    }
    this.touched.accounts.clear();
    this.touched.attempts.clear();
  }
}
