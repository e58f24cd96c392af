import type { Verified } from "../accounting/ledger/verify.js";
import type { PriceBook } from "../accounting/price/price-row.js";
import type { Clock, Ledger } from "../call/needs.js";
import type { Measures } from "./measures.js";
import type { RecentCalls } from "./recent-calls.js";

/** A provider as it serves now. `keyless`: configured, but without the key that calls need. */
export interface ProviderFacts {
  readonly name: string;
  readonly mode: "real" | "simulated" | "keyless";
}

/** What is running: for the start box, status and the page. No secret. */
export interface ServerFacts {
  readonly version: string;
  /** `http://127.0.0.1:4141`; null when no server runs (a command opened the ledger itself). */
  readonly address: string | null;
  readonly data_directory: string | null;
  /** Null without a configuration file. */
  readonly config_path: string | null;
  /** Epoch ms. */
  readonly started_at: number;
  readonly providers: readonly ProviderFacts[];
}

/** Everything the desk's commands need; assemble.ts connects it. */
export interface DeskNeeds {
  readonly ledger: Ledger;
  readonly prices: PriceBook;
  readonly clock: Clock;
  readonly calls: RecentCalls;
  readonly measures: Measures;
  /** Asked every time: a reload of the configuration changes the providers. */
  server(): ServerFacts;
  /** Reads the stored log from its first entry, hashes included. Long: seconds per million entries. */
  verify(): Promise<Verified>;
  /** Why calls cannot be served now, for a person; null when they can. */
  notReady(): string | null;
}
