import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { openSimulatorServer } from "../../src/providers/simulated/server.js";
import { type Bursar, openBursar } from "../../src/surfaces/sdk/index.js";
import { systemClock } from "../../src/surfaces/system-clock.js";
import type { Bill } from "./running-bursar.js";

/** What the status says, as far as these tests look. */
export interface Status {
  readonly agents: Readonly<Record<string, { calls: number; refused: number; cost_usd: string }>>;
  readonly global: { readonly calls: number; readonly total_cost_usd: string; readonly held_usd: string };
}

/** An SDK in this process, and a provider behind a socket of its own that clients reach by their own connection. */
export interface SdkPlace {
  readonly bursar: Bursar;
  /** The provider's root. */
  readonly url: string;
  bill(): Promise<Bill>;
  status(): Promise<Status>;
  /** Nothing is held any more, and what was posted is what the provider's bill says, to the nano-dollar. */
  exact(): Promise<void>;
  /** Nothing is held any more, and no less was posted than the bill says. */
  covered(): Promise<void>;
  /** The one call was ended by Bursar: nothing is held, and the provider was left before it had said everything. */
  cut(): Promise<void>;
  close(): Promise<void>;
}

/** Agent `roomy` may do anything, a task of `tight` has 2,500 tokens, `spent` has nothing left. */
const BUDGETS = `budgets:
  - { name: roomy, match: { agent: roomy }, limit: { usd: 100 } }
  - { name: tight, match: { agent: tight }, per: [task], limit: { tokens: 2500 } }
  - { name: spent, match: { agent: spent }, limit: { usd: 0.000000001 } }`;

const nanoOf = (usd: string): bigint => BigInt(Math.round(Number(usd) * 1e9));

/** Opens both. `providers` is the file's: by default the provider at the socket, as `openai`. `more` is the rest of the file. */
export async function openSdkPlace(providers?: (url: string) => string, more = ""): Promise<SdkPlace> {
  const folder = mkdtempSync(join(tmpdir(), "bursar-sdk-"));
  const simulator = await openSimulatorServer({ clock: systemClock(), latency: "none", seed: "sdk" });
  const config = join(folder, "bursar.yaml");
  const served = providers?.(simulator.url) ?? `openai: { api_key: unused, base_url: "${simulator.url}/v1" }`;
  writeFileSync(config, `version: 1\nproviders: { ${served} }\n${BUDGETS}\n${more}\n`);
  const bursar = await openBursar({ config, data: join(folder, "data"), env: {} });
  const bill = async (): Promise<Bill> => (await (await fetch(`${simulator.url}/sim/bill`)).json()) as Bill;
  const status = async (): Promise<Status> => (await bursar.status()) as Status;
  const settled = async (): Promise<{ posted: bigint; billed: bigint }> => {
    await expect.poll(async () => (await status()).global.held_usd, { timeout: 5_000 }).toBe("0.00");
    return { posted: nanoOf((await status()).global.total_cost_usd), billed: BigInt((await bill()).nano_usd) };
  };
  return {
    bursar,
    url: simulator.url,
    bill,
    status,
    async exact() {
      const { posted, billed } = await settled();
      expect(posted - billed).toBe(0n);
      expect(billed).toBeGreaterThan(0n);
    },
    async covered() {
      const { posted, billed } = await settled();
      expect(posted).toBeGreaterThanOrEqual(billed);
    },
    async cut() {
      await settled();
      const { calls } = (await bursar.ask("call list")) as { calls: { outcome: string }[] };
      expect(calls.map(({ outcome }) => outcome)).toEqual(["cut"]);
      expect((await bill()).by_call).toMatchObject([{ ended: "left" }]);
    },
    async close() {
      await bursar.close();
      await simulator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
