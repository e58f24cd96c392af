/**
 * Streams: many at the same time, each paced by the provider, through Bursar and through what it is compared with, in
 * interleaved rounds of the same run: CPU per event and how late events come. Runs dist/ (build first).
 * `npm run -s bench -- stream [--rounds 3] [--seconds 5] [--streams 200] [--rate 100]
 * [--proxies nginx,bare,portkey,bursar] [--profile DIR] [--json]`
 */
import { parseArgs } from "node:util";
import { median, report, shown } from "./rig/figures.js";
import { cpuMicros, loadAverage } from "./rig/proc.js";
import { endBursar, proxyRoles, type RunningProxy, readNames, startProxies, targetOf } from "./rig/proxies.js";
import { openRig, type Player, playRole, type Rig } from "./rig/rig.js";
import type { StreamAnswer } from "./rig/stream-reader.js";

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

async function run(rig: Rig): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "5" },
      streams: { type: "string", default: "200" },
      rate: { type: "string", default: "100" },
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
  const before = loadAverage();
  const rounds = new Map<string, Round[]>(proxies.map(({ name }) => [name, []]));
  // The first round only warms up.
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const proxy of proxies) {
      const measured = await roundOf(bench, proxy);
      if (round > 0) rounds.get(proxy.name)?.push(measured);
    }
  }
  if (profile !== undefined) await endBursar(rig, proxies);
  const title = `${values.streams} streams, ${values.rate} events a second each`;
  report("stream", { load_average_before: before, [title]: table(rounds) }, values.json);
}

if (!playRole(proxyRoles())) {
  const rig = openRig();
  try {
    await run(rig);
  } finally {
    rig.close();
  }
}
