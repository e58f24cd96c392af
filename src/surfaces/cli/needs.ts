import type { Budget } from "../../accounting/budget/budget.js";
import type { KeyIdentity } from "../../call/identify.js";
import type { ConfigFlags } from "../../config/load.js";
import type { DeskNeeds, ServerFacts } from "../../desk/needs.js";
import type { Output } from "./print.js";

/** A desk without a server: the ledger is opened in this process. */
export interface Standalone {
  readonly desk: DeskNeeds;
  findKey(token: string): KeyIdentity | null;
  close(): Promise<void>;
}

/** A server that `up` started. */
export interface Served {
  /** `http://127.0.0.1:4141`. */
  readonly url: string;
  readonly facts: ServerFacts;
  readonly budgets: readonly Budget[];
  close(): Promise<void>;
}

/** How `bursar simulator` is to serve. */
export interface SimulatorFlags {
  readonly port: number;
  readonly seed?: string;
  readonly latency: "model" | "none";
}

/** Everything the command line needs of its surroundings; bin.ts connects the real ones, tests their own. */
export interface CliNeeds {
  /** Without the program and the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly version: string;
  /** The address of the server on a data directory; null when none runs there. */
  readServer(directory: string): Promise<string | null>;
  /** The admin token that the configuration names, or null. Never throws. */
  configuredToken(flags: ConfigFlags): string | null;
  openStandalone(flags: ConfigFlags): Promise<Standalone>;
  openServer(flags: ConfigFlags): Promise<Served>;
  openSimulator(flags: SimulatorFlags): Promise<{ readonly url: string; close(): Promise<void> }>;
  /** Resolves when the person asks to stop (Ctrl-C, SIGTERM). */
  stopped(): Promise<void>;
}
