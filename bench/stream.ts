/**
 * Streams through Bursar and through what it is compared with, in interleaved rounds of the same run. Many at the same
 * time, each paced by the provider: CPU per event and how late events come. And streams that the provider answers at once,
 * in a closed loop: how many go through. Runs dist/ (build first).
 * `npm run -s bench -- stream [--rounds 3] [--seconds 5] [--streams 200] [--rate 100] [--parts paced,closed]
 * [--proxies nginx,bare,portkey,bursar] [--profile DIR] [--json]`
 */
import { parseArgs } from "node:util";
import { median, report, shown } from "./rig/figures.js";
import type { LoadAnswer } from "./rig/load.js";
import { cpuMicros, loadAverage } from "./rig/proc.js";
import { endBursar, proxyRoles, type RunningProxy, readNames, startProxies, targetOf } from "./rig/proxies.js";
import { openRig, type Player, playRole, type Rig } from "./rig/rig.js";
import type { StreamAnswer } from "./rig/stream-reader.js";
import { BURST_EVENTS } from "./rig/upstream.js";

const PROMPT_BYTES = 400;

interface Round {
  readonly cpuMicros: number;
  readonly perSecond: number;
  readonly lateP50: number;
  readonly lateP99: number;
}

interface Bench {
  readonly upstream: Player;
  readonly reader: Player;
  readonly streams: number;
  readonly seconds: number;
}

async function roundOf(bench: Bench, proxy: RunningProxy): Promise<Round> {
  const { reader, upstream, streams, seconds } = bench;
  const target = targetOf(proxy, { promptBytes: PROMPT_BYTES, stream: true });
  const opened = await reader.ask<StreamAnswer>({ ask: "open", target, streams });
  if (opened.broken > 0) throw new Error(`${proxy.name}: ${opened.broken} of ${streams} streams did not open`);
  const before = proxy.pid === null ? Number.NaN : cpuMicros(proxy.pid);
  const counted = await reader.ask<StreamAnswer>({ ask: "count", seconds });
  const cpu = proxy.pid === null ? Number.NaN : cpuMicros(proxy.pid) - before;
  await upstream.ask<number>({ ask: "finish" });
  const ended = await reader.ask<StreamAnswer>({ ask: "end" });
  const broken = ended.broken + counted.broken;
  if (broken > 0) throw new Error(`${proxy.name}: ${broken} streams broke or ended early`);
  const { events, lateP50, lateP99 } = counted;
  return { cpuMicros: cpu / events, perSecond: events / counted.seconds, lateP50, lateP99 };
}

function table(rounds: ReadonlyMap<string, readonly Round[]>): Record<string, Record<string, number>> {
  const middle = (name: string, figure: keyof Round): number => median((rounds.get(name) ?? []).map((round) => round[figure]));
  return Object.fromEntries(
    [...rounds.keys()].map((name) => [
      name,
      {
        cpu_us_per_event: shown(middle(name, "cpuMicros")),
        cpu_to_bare: shown(middle(name, "cpuMicros") / middle("bare", "cpuMicros")),
        cheaper_than_portkey: shown(middle("portkey", "cpuMicros") / middle(name, "cpuMicros")),
        events_per_second: shown(middle(name, "perSecond")),
        late_p50_ms: shown(middle(name, "lateP50")),
        late_p99_ms: shown(middle(name, "lateP99")),
      },
    ]),
  );
}

/** Connections of the closed loop: where Portkey is at its best. */
const CONNECTIONS = 16;

interface Burst {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

/** Streams that come at once, each connection asking for the next as soon as one has ended. */
async function burstOf(load: Player, proxy: RunningProxy, seconds: number): Promise<Burst> {
  const target = targetOf(proxy, { promptBytes: PROMPT_BYTES, stream: true });
  const before = proxy.pid === null ? Number.NaN : cpuMicros(proxy.pid);
  const answer = await load.ask<LoadAnswer>({ loop: "closed", target, connections: CONNECTIONS, seconds });
  const cpu = proxy.pid === null ? Number.NaN : cpuMicros(proxy.pid) - before;
  if (answer.failed > 0) throw new Error(`${proxy.name}: ${answer.failed} of ${answer.calls} streams failed`);
  return { perSecond: answer.calls / answer.seconds, cpuMicros: cpu / answer.calls };
}

function burstTable(rounds: ReadonlyMap<string, readonly Burst[]>): Record<string, Record<string, number>> {
  const middle = (name: string, figure: keyof Burst): number => median((rounds.get(name) ?? []).map((round) => round[figure]));
  return Object.fromEntries(
    [...rounds.keys()].map((name) => [
      name,
      {
        streams_per_second: shown(middle(name, "perSecond")),
        cpu_us_per_stream: shown(middle(name, "cpuMicros")),
        cpu_to_bare: shown(middle(name, "cpuMicros") / middle("bare", "cpuMicros")),
        throughput_to_nginx: shown(middle(name, "perSecond") / middle("nginx", "perSecond")),
        throughput_to_portkey: shown(middle(name, "perSecond") / middle("portkey", "perSecond")),
      },
    ]),
  );
}

/** Interleaved rounds over all proxies. The first one only warms up. */
async function roundsOf<Figures>(
  proxies: readonly RunningProxy[],
  rounds: number,
  measure: (proxy: RunningProxy) => Promise<Figures>,
): Promise<ReadonlyMap<string, readonly Figures[]>> {
  const measured = new Map<string, Figures[]>(proxies.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const proxy of proxies) {
      const figures = await measure(proxy);
      if (round > 0) measured.get(proxy.name)?.push(figures);
    }
  }
  return measured;
}

async function run(rig: Rig): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "5" },
      streams: { type: "string", default: "200" },
      rate: { type: "string", default: "100" },
      parts: { type: "string", default: "paced,closed" },
      proxies: { type: "string", default: "direct,nginx,bare,portkey,bursar" },
      profile: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const { profile } = values;
  const upstream = rig.player("upstream");
  const upstreamPort = await upstream.ask<number>({ ask: "listen", eventsPerSecond: Number(values.rate) });
  const names = readNames(values.proxies);
  const proxies = await startProxies(rig, upstreamPort, { names, streams: true, ...(profile === undefined ? {} : { profile }) });
  const reader = rig.player("stream-reader");
  const bench = { upstream, reader, streams: Number(values.streams), seconds: Number(values.seconds) };
  const tables: Record<string, unknown> = { load_average_before: loadAverage() };
  const rounds = Number(values.rounds);
  const parts = new Set(values.parts.split(","));
  if (parts.has("paced")) {
    const paced = await roundsOf(proxies, rounds, (proxy) => roundOf(bench, proxy));
    tables[`${values.streams} streams, ${values.rate} events a second each`] = table(paced);
  }
  if (parts.has("closed")) {
    await upstream.ask<number>({ ask: "burst" });
    const load = rig.player("load");
    const bursts = await roundsOf(proxies, rounds, (proxy) => burstOf(load, proxy, bench.seconds));
    tables[`${CONNECTIONS} connections, ${BURST_EVENTS} events at once`] = burstTable(bursts);
  }
  if (profile !== undefined) await endBursar(rig, proxies);
  report("stream", tables, values.json);
}

if (!playRole(proxyRoles())) {
  const rig = openRig();
  try {
    await run(rig);
  } finally {
    rig.close();
  }
}
