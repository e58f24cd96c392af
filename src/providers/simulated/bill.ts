/**
 * The simulator's own account of what it would charge, kept while it produces: also for what nobody received. One
 * rounding per call, half up. Money path: fails closed — a line is counted from the moment its request is accepted.
 */
import type { ModelRates, SimulatedModel } from "./price-table.js";
import { type Fraction, plus, roundHalfUp, times } from "./rational.js";

/** What one request consumed; grows while it runs. `input` includes the cache classes and `found`, `output` includes reasoning. */
export interface Consumption {
  input: number;
  cached: number;
  cache_write_5m: number;
  cache_write_1h: number;
  output: number;
  reasoning: number;
  /** Web searches at the provider, and the tokens of input that they found. */
  searches: number;
  found: number;
}

/** Nothing yet. */
export function nothingConsumed(): Consumption {
  return {
    input: 0,
    cached: 0,
    cache_write_5m: 0,
    cache_write_1h: 0,
    output: 0,
    reasoning: 0,
    searches: 0,
    found: 0,
  };
}

/** A run of another model inside a request, before the one that answered. */
export interface EarlierRun {
  readonly model: SimulatedModel;
  /** `declined`: it refused before any output, and is not billed; `compaction`: beside the request's own figures. */
  readonly kind: "message" | "declined" | "compaction";
  readonly input: number;
  readonly output: number;
}

/** How a request ended. `running`: it has not. `left`: the client went away. */
export type Ending = "running" | "end" | "refused" | "left" | "reset" | "error";

/** One line of the bill. */
export interface BillLine extends Readonly<Consumption> {
  readonly id: string;
  /** 1 for the first request the simulator ever got. */
  readonly number: number;
  /** As the request wrote it. */
  readonly model: string;
  readonly dialect: string;
  readonly stream: boolean;
  /** The cap on output tokens that arrived here, per choice; null when there was none. */
  readonly cap: number | null;
  readonly key: string | null;
  readonly status: number;
  readonly faults: readonly string[];
  /** Runs before the one that the other figures are of; part of the cost unless declined. */
  readonly earlier: readonly (Omit<EarlierRun, "model"> & { readonly model: string })[];
  readonly ended: Ending;
  readonly nano_usd: bigint;
}

/** The whole bill. `calls` counts every request that arrived, also those that cost nothing. */
export interface Bill {
  readonly calls: number;
  readonly nano_usd: bigint;
  /** The last lines, oldest first; `calls` and `nano_usd` are exact however many there were. */
  readonly by_call: readonly BillLine[];
}

/** A line that is still written. */
export interface OpenLine {
  readonly consumption: Consumption;
  readonly id: string;
  status: number;
  /** Ends the line; later endings of the same line are ignored. */
  close(ended: Ending): void;
}

/** What is known of a request when it arrives. */
export interface LineStart {
  readonly id: string;
  readonly number: number;
  readonly model: string;
  readonly dialect: string;
  readonly stream: boolean;
  readonly cap: number | null;
  readonly key: string | null;
  readonly faults: readonly string[];
  readonly earlier?: readonly EarlierRun[];
}

/** Keeps the bill. */
export interface BillBook {
  /** `model` null: nothing of this request is billed. */
  open(start: LineStart, model: SimulatedModel | null): OpenLine;
  bill(): Bill;
  /** Starts anew; what still runs from before no longer counts. */
  clear(): void;
}

const LINES_MAX = 100_000;

/** Nano-dollars, exact: Σ tokens × $/M × 1000, and the fees of searches, $/1,000 × 10⁶ each. */
function chargeOf(consumption: Consumption, model: SimulatedModel): Fraction {
  const long = model.long_above !== null && consumption.input > model.long_above;
  const rates: ModelRates = long ? model.rates_long : model.rates;
  const fresh = consumption.input - consumption.cached - consumption.cache_write_5m - consumption.cache_write_1h;
  const tokens: readonly (readonly [Fraction, number])[] = [
    [rates.input, fresh],
    [rates.cached, consumption.cached],
    [rates.write_5m, consumption.cache_write_5m],
    [rates.write_1h, consumption.cache_write_1h],
    [rates.output, consumption.output],
  ];
  const fees = times(model.search_fee, BigInt(Math.min(consumption.searches, model.search_fees_max)) * 1_000_000n);
  return tokens.reduce((sum, [rate, count]) => plus(sum, times(rate, BigInt(count) * 1000n)), fees);
}

/** Nano-dollars of a consumption, rounded once. */
export function nanoOf(consumption: Consumption, model: SimulatedModel): bigint {
  return roundHalfUp(chargeOf(consumption, model));
}

interface Written {
  readonly start: LineStart;
  readonly model: SimulatedModel | null;
  readonly consumption: Consumption;
  status: number;
  ended: Ending;
}

function costOf({ model, start, consumption }: Written): bigint {
  if (model === null) return 0n;
  const earlier = (start.earlier ?? [])
    .filter((run) => run.kind !== "declined")
    .map((run) => chargeOf({ ...nothingConsumed(), input: run.input, output: run.output }, run.model));
  return roundHalfUp(earlier.reduce(plus, chargeOf(consumption, model)));
}

function lineOf(line: Written): BillLine {
  const { start, consumption, status, ended } = line;
  const earlier = (start.earlier ?? []).map((run) => ({ ...run, model: run.model.name }));
  return { ...start, ...consumption, earlier, status, ended, nano_usd: costOf(line) };
}

/** Opens an empty book. Keeps the last `linesMax` lines; its memory is bounded by them and by what runs. */
export function openBillBook(linesMax: number = LINES_MAX): BillBook {
  let calls = 0;
  let closedNano = 0n;
  let ring: Written[] = [];
  let oldest = 0;
  let running = new Set<Written>();

  function keep(line: Written): void {
    if (ring.length < linesMax) ring.push(line);
    else {
      ring[oldest] = line;
      oldest = (oldest + 1) % linesMax;
    }
  }

  function close(line: Written, ended: Ending): void {
    if (line.ended !== "running") return;
    line.ended = ended;
    if (running.delete(line)) closedNano += costOf(line);
  }

  return {
    open(start, model) {
      const consumption = nothingConsumed();
      const line: Written = { start, model, consumption, status: 200, ended: "running" };
      calls += 1;
      running.add(line);
      keep(line);
      return {
        consumption,
        id: start.id,
        get status() {
          return line.status;
        },
        set status(status) {
          line.status = status;
        },
        close: (ended) => close(line, ended),
      };
    },
    bill() {
      let nano = closedNano;
      for (const line of running) nano += costOf(line);
      const lines = [...ring.slice(oldest), ...ring.slice(0, oldest)];
      return { calls, nano_usd: nano, by_call: lines.map(lineOf) };
    },
    clear() {
      calls = 0;
      closedNano = 0n;
      ring = [];
      oldest = 0;
      running = new Set();
    },
  };
}

/** The bill as JSON text, money as decimal strings. */
export function billJson(bill: Bill): string {
  return JSON.stringify(bill, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}
