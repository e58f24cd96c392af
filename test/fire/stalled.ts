import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { openRunningBursar } from "../e2e/running-bursar.js";
import { ASKS } from "./asks.js";
import { openHostileProvider } from "./hostile-provider.js";
import { countedByUser } from "./ledger-of.js";
import { openSlowReader } from "./slow-readers.js";

const SCRIPT = "comments for ever";
/** What two pairs of socket buffers and the pipe between them may hold of one stream; the kernel's own maximum is 6 MiB a side. */
const IN_BUFFERS_MAX = 24 * 1_048_576;

/**
 * Opens so many clients, half of which read a byte ten times a second and half nothing, of a provider that never ends.
 * Checks that it is held back, that every call is settled once at no less than its input, and that nobody is left.
 */
export async function stallReaders(of: { readers: number; idle: string }): Promise<{ counted: number; grownPerReader: number }> {
  const { readers, idle } = of;
  const provider = await openHostileProvider();
  const before = async (): Promise<string> => provider.url;
  const limits = `budgets:
  - { name: all, limit: { usd: 1000 } }
limits: { idle_timeout: ${idle}, drain_timeout: 1s }`;
  const at = await openRunningBursar(limits, { before });
  try {
    const rss = process.memoryUsage.rss();
    const clients = await Promise.all(
      Array.from({ length: readers }, (_, n) => {
        const ask = ASKS[n % ASKS.length] as (typeof ASKS)[number];
        const everyMs = n % 2 === 0 ? null : 100;
        return openSlowReader({ port: at.server.port, ask, user: `reader ${n}`, hostile: SCRIPT, everyMs });
      }),
    );
    await expect.poll(() => provider.reached.get(SCRIPT), { timeout: 20_000 }).toBe(readers);
    await expect.poll(() => at.server.core.road.active.size, { timeout: 240_000 }).toBe(0);
    const grownPerReader = Math.round((process.memoryUsage.rss() - rss) / readers);
    expect(provider.written.get(SCRIPT) ?? 0).toBeLessThan(readers * IN_BUFFERS_MAX);
    await at.settled();
    const counted = await countedByUser(at);
    for (const [user, one] of counted) expect({ user, one }).toSatisfy(() => one.nano > 0n && one.state !== "pending");
    await expect.poll(() => provider.openAfter(SCRIPT), { timeout: 5_000 }).toBe(0);
    expect((await fetch(`${at.url}/readyz`)).status).toBe(200);
    for (const client of clients) client.destroy();
    await sleep(50);
    expect(at.told).toEqual([]);
    return { counted: counted.size, grownPerReader };
  } finally {
    await at.close();
    await provider.close();
  }
}
