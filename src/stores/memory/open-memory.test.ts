import { ledgerConformance, type StoreUnderTest } from "../../../test/conformance/ledger-conformance.js";
import type { Clock } from "../../call/needs.js";
import type { LogLine } from "../log-writer.js";
import { openMemory } from "./open-memory.js";

async function open(clock: Clock, lines: LogLine[] = []): Promise<StoreUnderTest> {
  return { ledger: await openMemory({ clock, lines }), reopen: () => open(clock, lines) };
}

ledgerConformance("memory", (clock) => open(clock));
