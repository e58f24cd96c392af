/**
 * Chat answers that are not streamed, through Bursar and through what it is compared with, in interleaved rounds of the
 * same run: throughput and CPU per call, latency added at a steady rate, long prompts, and memory over many calls.
 * Runs dist/ (build first). `npm run -s bench -- gateway [--rounds 5] [--seconds 4] [--proxies direct,nginx,bare,portkey,bursar]
 * [--parts closed,large,open,memory] [--calls 200000] [--json]`;
 * `--profile DIR` takes CPU profiles of Bursar (which cost CPU themselves).
 */
import { parseArgs } from "node:util";
import { median, report, shown, slope } from "./rig/figures.js";
import type { LoadAnswer } from "./rig/load.js";
import { cpuMicros, loadAverage, residentBytes } from "./rig/proc.js";
import { endBursar, proxyRoles, type RunningProxy, readNames, startProxies, targetOf } from "./rig/proxies.js";
import { openRig, type Player, playRole, type Rig } from "./rig/rig.js";
import { hasWrk, runWrk } from "./rig/wrk.js";

/** Short prompts are about as long as the answers; long ones are what agents send after a few turns. */
const SHORT_BYTES = 400;
const LONG_BYTES = 100_000;
/** Share of Bursar's own peak at which latency is measured. */
const STEADY_SHARE = 0.3;
/** Memory is looked at every so many calls. */
const MEMORY_STEP = 10_000;

interface Bench {
  readonly rig: Rig;
  readonly load: Player;
  readonly proxies: readonly RunningProxy[];
  readonly rounds: number;
  readonly seconds: number;
  readonly wrk: boolean;
}

interface Round {
  readonly perSecond: number;
  /** NaN for `direct`. */
  readonly cpuMicros: number;
}

async function closedRound(bench: Bench, proxy: RunningProxy, of: { connections: number; promptBytes: number }): Promise<Round> {
  const target = targetOf(proxy, { promptBytes: of.promptBytes, stream: false });
  const { connections } = of;
  const { seconds } = bench;
  const before = proxy.pid === null ? 0 : cpuMicros(proxy.pid);
  const answer = bench.wrk
    ? await runWrk(target, { connections, seconds, directory: bench.rig.directory })
    : await bench.load.ask<LoadAnswer>({ loop: "closed", target, connections, seconds });
  const cpu = proxy.pid === null ? Number.NaN : cpuMicros(proxy.pid) - before;
  if (answer.failed > 0) throw new Error(`${proxy.name}: ${answer.failed} of ${answer.calls} calls failed`);
  return { perSecond: answer.calls / answer.seconds, cpuMicros: cpu / answer.calls };
}

type Medians = ReadonlyMap<string, Round>;

/** Interleaved rounds over all proxies; medians of each. The first round only warms up. */
async function closedMedians(bench: Bench, of: { connections: number; promptBytes: number }): Promise<Medians> {
  const rounds = new Map<string, Round[]>(bench.proxies.map(({ name }) => [name, []]));
  for (let round = 0; round <= bench.rounds; round++) {
    for (const proxy of bench.proxies) {
      const measured = await closedRound(bench, proxy, of);
      if (round > 0) rounds.get(proxy.name)?.push(measured);
    }
  }
  return new Map(
    [...rounds].map(([name, of]) => [
      name,
      { perSecond: median(of.map((each) => each.perSecond)), cpuMicros: median(of.map((each) => each.cpuMicros)) },
    ]),
  );
}

function closedTable(medians: Medians): Record<string, Record<string, number>> {
  const against = (name: string): Round => medians.get(name) ?? { perSecond: Number.NaN, cpuMicros: Number.NaN };
  return Object.fromEntries(
    [...medians].map(([name, { perSecond, cpuMicros: cpu }]) => [
      name,
      {
        calls_per_second: shown(perSecond),
        cpu_us_per_call: shown(cpu),
        cpu_to_bare: shown(cpu / against("bare").cpuMicros),
        throughput_to_nginx: shown(perSecond / against("nginx").perSecond),
        throughput_to_portkey: shown(perSecond / against("portkey").perSecond),
      },
    ]),
  );
}

/** Latency at 30 % of Bursar's own peak, and what each adds to a direct call. */
async function steady(bench: Bench, peak: number): Promise<Record<string, Record<string, number>>> {
  const perSecond = Math.max(50, Math.round(peak * STEADY_SHARE));
  // Portkey's peak lies below that rate; its queue would only grow.
  const proxies = bench.proxies.filter(({ name }) => name !== "portkey");
  const rounds = new Map<string, LoadAnswer[]>(proxies.map(({ name }) => [name, []]));
  for (let round = 0; round < bench.rounds; round++) {
    for (const proxy of proxies) {
      const target = targetOf(proxy, { promptBytes: SHORT_BYTES, stream: false });
      const answer = await bench.load.ask<LoadAnswer>({ loop: "open", target, perSecond, seconds: bench.seconds });
      if (answer.failed > 0) throw new Error(`${proxy.name}: ${answer.failed} calls failed at ${perSecond} a second`);
      rounds.get(proxy.name)?.push(answer);
    }
  }
  const middle = (name: string, figure: "p50" | "p99" | "lateP99"): number =>
    median((rounds.get(name) ?? []).map((answer) => answer[figure]));
  return Object.fromEntries(
    proxies.map(({ name }) => [
      name,
      {
        at_calls_per_second: perSecond,
        p50_ms: shown(middle(name, "p50")),
        p99_ms: shown(middle(name, "p99")),
        added_p50_ms: shown(middle(name, "p50") - middle("direct", "p50")),
        added_p99_ms: shown(middle(name, "p99") - middle("direct", "p99")),
        generator_late_p99_ms: shown(middle(name, "lateP99")),
      },
    ]),
  );
}

/** Resident memory of Bursar over many calls. The first fifth warms up: caches and bounded maps fill, the heap finds its size. */
async function memory(bench: Bench, calls: number): Promise<Record<string, number>> {
  const proxy = bench.proxies.find(({ name }) => name === "bursar");
  if (proxy?.pid == null) throw new Error("The part `memory` needs the proxy bursar.");
  const target = targetOf(proxy, { promptBytes: SHORT_BYTES, stream: false });
  const samples: number[] = [];
  const warm = Math.max(1, Math.round(calls / 5 / MEMORY_STEP));
  const steps = Math.max(2, Math.round(calls / MEMORY_STEP));
  for (let step = 0; step < warm + steps; step++) {
    const answer = await bench.load.ask<LoadAnswer>({ loop: "closed", target, connections: 16, calls: MEMORY_STEP });
    if (answer.failed > 0) throw new Error(`bursar: ${answer.failed} calls failed`);
    if (step >= warm) samples.push(residentBytes(proxy.pid));
  }
  const mebibytes = (bytes: number): number => shown(bytes / 1_048_576);
  const fifth = Math.max(1, Math.round(samples.length / 5));
  const [first, last] = [median(samples.slice(0, fifth)), median(samples.slice(-fifth))];
  return {
    calls: steps * MEMORY_STEP,
    mib_first: mebibytes(first),
    mib_last: mebibytes(last),
    mib_most: mebibytes(Math.max(...samples)),
    bytes_per_call: Math.round(slope(samples) / MEMORY_STEP),
    last_to_first: shown(last / first),
  };
}

async function run(rig: Rig): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "4" },
      calls: { type: "string", default: "200000" },
      proxies: { type: "string" },
      profile: { type: "string" },
      parts: { type: "string", default: "closed,large,open,memory" },
      json: { type: "boolean", default: false },
    },
  });
  const parts = new Set(values.parts.split(","));
  const upstreamPort = await rig.player("upstream").ask<number>({ ask: "listen", eventsPerSecond: 100 });
  const { profile } = values;
  const proxies = await startProxies(rig, upstreamPort, {
    names: readNames(values.proxies),
    streams: false,
    ...(profile === undefined ? {} : { profile }),
  });
  const wrk = hasWrk();
  const bench: Bench = {
    rig,
    load: rig.player("load"),
    proxies,
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    wrk,
  };
  const tables: Record<string, unknown> = { load_generator: wrk ? "wrk" : "own", load_average_before: loadAverage() };
  let peak = 0;
  if (parts.has("closed") || parts.has("open")) {
    for (const connections of [16, 64]) {
      const medians = await closedMedians(bench, { connections, promptBytes: SHORT_BYTES });
      peak = medians.get("bursar")?.perSecond ?? 0;
      tables[`${connections} connections`] = closedTable(medians);
    }
  }
  if (parts.has("large")) {
    tables["100 KB prompts, 16 connections"] = closedTable(
      await closedMedians(bench, { connections: 16, promptBytes: LONG_BYTES }),
    );
  }
  if (parts.has("open")) tables["open loop"] = await steady(bench, peak);
  if (parts.has("memory")) tables.memory = await memory(bench, Number(values.calls));
  if (profile !== undefined) await endBursar(rig, proxies);
  report("gateway", tables, values.json);
}

if (!playRole(proxyRoles())) {
  const rig = openRig();
  try {
    await run(rig);
  } finally {
    rig.close();
  }
}
