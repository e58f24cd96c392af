/**
 * Other programs that ask the ledger themselves: they hold, extend, settle, settle again because an answer was lost, or
 * are never heard of again. They outlive the server and ask its next process.
 */
import type { Attribution } from "../../src/accounting/budget/budget.js";
import type { LedgerCommand, LedgerResult, PostCommand } from "../../src/accounting/ledger/command.js";
import type { Operations } from "./operations.js";
import type { Random } from "./random.js";
import { later, OUTSIDE, type Scheduler } from "./scheduler.js";
import type { Swarm } from "./swarm.js";

/** One attempt of such a program. */
export interface RemoteAttempt {
  readonly attempt_id: string;
  /** What its provider charges; final from the start. */
  readonly bill: bigint;
  readonly tokens: { readonly input: number; readonly output: number };
  /** How the program meant to end it. */
  readonly plan: "post" | "post_held" | "void" | "vanish" | "presume";
}

export interface RemoteOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly swarm: Swarm;
  /** Asks the process that runs; null where no answer came, which says nothing of what was done. */
  readonly ask: (command: LedgerCommand) => Promise<LedgerResult | null>;
  readonly fail: (message: string) => void;
  readonly operations: Operations;
}

const INPUT_NANO = 2_500n;
const OUTPUT_NANO = 10_000n;

function costOf(tokens: { input: number; output: number }): bigint {
  return BigInt(tokens.input) * INPUT_NANO + BigInt(tokens.output) * OUTPUT_NANO;
}

export interface Remotes {
  readonly attempts: ReadonlyMap<string, RemoteAttempt>;
  run(): Promise<void>;
}

class Programs implements Remotes {
  readonly attempts = new Map<string, RemoteAttempt>();
  private count = 0;

  constructor(private readonly options: RemoteOptions) {}

  private pause(most: number): Promise<void> {
    const { scheduler, random } = this.options;
    return later(scheduler, OUTSIDE, random.next() * most);
  }

  /** Asks until there is an answer. */
  private async insist(command: LedgerCommand): Promise<LedgerResult> {
    for (;;) {
      const result = await this.options.ask(command);
      if (result !== null) return result;
      await this.pause(3_000);
    }
  }

  private attribution(): Attribution {
    const { random, swarm } = this.options;
    const team = random.pick(["red", "blue", "green"]);
    const task = random.chance(0.5) ? { task: `t${random.between(1, 4)}` } : {};
    return { key: team, team, agent: random.pick(swarm.agents), model: "openai/gpt-4o", ...task };
  }

  private postOf(attempt: RemoteAttempt): PostCommand {
    const { attempt_id, bill, tokens, plan } = attempt;
    const counts = { input_fresh: tokens.input, output_text: tokens.output, requests: 1 };
    const base = { type: "post" as const, attempt_id, nano: bill, outcome: "end" as const };
    if (plan === "post_held") return { ...base, usage: { counts, evidence: "presumed" }, at_held: true };
    return { ...base, usage: { counts, evidence: "provider" } };
  }

  /** What was settled once must stay as it is, whatever is asked again. */
  private async repeat(attempt: RemoteAttempt): Promise<void> {
    const { fail } = this.options;
    const post = this.postOf(attempt);
    const again = await this.insist(post);
    const same = attempt.plan === "post";
    if (same && (!again.ok || again.changed)) fail(`A second post of ${attempt.attempt_id} with its amount was not a no-op.`);
    if (attempt.plan === "void" && again.ok) fail(`${attempt.attempt_id} was voided and is posted.`);
    const other = await this.insist({ ...post, at_held: false, nano: post.nano + 1n });
    if (attempt.plan !== "post_held" && other.ok) fail(`${attempt.attempt_id} is settled and was posted with another amount.`);
    const voided = await this.insist({ type: "void", attempt_id: attempt.attempt_id, proof: "not_sent" });
    if (voided.ok !== (attempt.plan === "void"))
      fail(`A void of ${attempt.attempt_id}, planned to end by ${attempt.plan}, said ${voided.ok}.`);
  }

  private async settle(attempt: RemoteAttempt): Promise<void> {
    const { random } = this.options;
    const { attempt_id, plan } = attempt;
    if (plan === "vanish") return;
    if (plan === "presume") {
      await this.insist({ type: "presume", attempt_id, reason: "remote" });
      if (random.chance(0.5)) await this.insist(this.postOf({ ...attempt, plan: "post" }));
      return;
    }
    if (plan === "void") {
      const result = await this.insist({ type: "void", attempt_id, proof: "not_sent" });
      // After a restart or a minute of silence it is presumed, and no program's word gives it back.
      if (!result.ok) return;
    } else await this.insist(this.postOf(attempt));
    if (random.chance(0.3)) await this.repeat(attempt);
  }

  async run(): Promise<void> {
    const { random, fail, operations } = this.options;
    operations.ask += 1;
    const call_id = `remote${this.count++}`;
    const attempt_id = `${call_id}.1`;
    const tokens = { input: random.between(1, 2_000), output: random.between(0, 1_500) };
    // Now and then it costs more than was held for it.
    const factor = random.chance(0.1) ? 0.5 : 1 + random.next();
    const held = { input: Math.ceil(tokens.input * factor), output: Math.ceil(tokens.output * factor) };
    const plan = random.pick(["post", "post", "post", "post_held", "void", "vanish", "presume"] as const);
    const within = factor >= 1 || plan === "post";
    const bill = plan === "void" ? 0n : costOf(within ? tokens : held);
    const attempt: RemoteAttempt = { attempt_id, bill, tokens: within ? tokens : held, plan };
    const hold: LedgerCommand = {
      type: "hold",
      call_id,
      attempt_id,
      attribution: this.attribution(),
      provider: "remote",
      price_id: "remote",
      ceiling: { nano: costOf(held), input_tokens: held.input, output_tokens: held.output },
      estimated_input: 0,
    };
    // Where no answer comes nothing is sent, and a hold that is there all the same is nobody's.
    this.attempts.set(attempt_id, { ...attempt, plan: "vanish", bill: 0n });
    const result = await this.options.ask(hold);
    if (result === null || !result.ok) return;
    this.attempts.set(attempt_id, attempt);
    if (random.chance(0.1) && (await this.insist(hold)).ok) fail(`${attempt_id} was held twice.`);
    if (random.chance(0.3)) {
      const add = { nano: costOf({ input: 0, output: 100 }), input_tokens: 0, output_tokens: 100 };
      await this.options.ask({ type: "extend", attempt_id, add });
    }
    await this.pause(random.chance(0.05) ? 200_000 : 800);
    await this.settle(attempt);
    if (random.chance(0.05)) {
      const unknown = await this.insist({ type: "void", attempt_id: `nobody${this.count}.1`, proof: "not_sent" });
      if (unknown.ok) fail("An attempt that nobody knows was voided.");
    }
  }
}

export function openRemotes(options: RemoteOptions): Remotes {
  return new Programs(options);
}
