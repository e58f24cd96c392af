import { createHash } from "node:crypto";
import type { Budget } from "../src/accounting/budget/budget.js";
import { openVerifier } from "../src/accounting/ledger/verify.js";
import { openPriceBook } from "../src/accounting/price/price-book.js";
import type { KeyIdentity } from "../src/call/identify.js";
import { type Actor, answer, type Command } from "../src/desk/command.js";
import { openMeasures } from "../src/desk/measures.js";
import type { DeskNeeds, ServerFacts } from "../src/desk/needs.js";
import { openRecentCalls } from "../src/desk/recent-calls.js";
import { DESK_TABLE } from "../src/desk/table.js";
import type { OpenLedger } from "../src/stores/journal.js";
import type { LogLine } from "../src/stores/log-writer.js";
import { openMemory } from "../src/stores/memory/open-memory.js";
import { budget, standingClock } from "./ledger-fixtures.js";

/** Somebody with the admin token. */
export const admin: Actor = { name: "ada", key: null };

/** A key whose holder may say who it is. */
export const trustedKey: KeyIdentity = { name: "platform", trusts_attribution: true };

/** A key bound to one agent. */
export const boundKey: KeyIdentity = { name: "cx", team: "cx", agent: "support-bot", trusts_attribution: false };

/** A desk over a memory ledger, real in everything but the disk. */
export interface TestDesk {
  readonly needs: DeskNeeds;
  readonly ledger: OpenLedger;
  readonly clock: ReturnType<typeof standingClock>;
  readonly lines: readonly LogLine[];
  facts: ServerFacts;
  /** Runs a command by name, as an admin unless told otherwise. */
  ask<T>(name: string, input?: Record<string, unknown>, actor?: Actor): Promise<T>;
  close(): Promise<void>;
}

/** A command of the table by its name. */
export function commandNamed(name: string): Command {
  const found = DESK_TABLE.find((command) => command.name === name);
  if (found?.kind !== "answer") throw new Error(`no command ${name}`);
  return found;
}

/** Opens a desk whose ledger has these budgets declared; `day` ($10) when none are given. */
export async function openTestDesk(
  options: { budgets?: readonly Budget[]; lines?: LogLine[]; kept?: number } = {},
): Promise<TestDesk> {
  const clock = standingClock();
  const lines = options.lines ?? [];
  const ledger = await openMemory({ clock, lines });
  const budgets = options.budgets ?? [budget({ name: "day", limit: 10_000_000_000n, window: { kind: "calendar", unit: "day" } })];
  await ledger.apply([{ type: "declare", budgets, actor: "file", reason: "start" }]);
  const calls = await openRecentCalls({ ledger, ...(options.kept === undefined ? {} : { kept: options.kept }) });
  const desk: TestDesk = {
    ledger,
    clock,
    lines,
    facts: {
      version: "0.0.0",
      address: "http://127.0.0.1:4141",
      data_directory: "/tmp/.bursar",
      config_path: null,
      started_at: clock.now(),
      providers: [{ name: "sim", mode: "simulated" }],
    },
    needs: {
      ledger,
      clock,
      calls,
      prices: openPriceBook(),
      measures: openMeasures({ ledger }),
      server: () => desk.facts,
      async verify() {
        const verifier = openVerifier({ sha256: (text) => createHash("sha256").update(text).digest("hex") });
        for (const line of lines) verifier.check({ seq: line.seq, json: line.json, hash: null });
        return verifier.finish();
      },
      notReady: () => null,
    },
    ask: async <T>(name: string, input: Record<string, unknown> = {}, actor: Actor = admin) =>
      (await answer(commandNamed(name), desk.needs, { input, actor })) as T,
    async close() {
      calls.close();
      await ledger.close();
    },
  };
  return desk;
}
