/**
 * What reading bodies costs: a request (read, estimate, prepare), a whole reply, and an event of a stream (split, read and
 * looked at as the road does). Against JSON.parse of the same bytes, which is what everybody who looks into bodies does at
 * least. `npm run -s bench -- readers [--rounds 9] [--only "openai-chat"] [--json]`
 */
import { parseArgs } from "node:util";
import type { Dialect } from "../src/call/needs.js";
import { anthropicMessagesDialect } from "../src/providers/anthropic/wire.js";
import { geminiGenerate } from "../src/providers/gemini/wire.js";
import { openAiResponses } from "../src/providers/openai/responses/wire.js";
import { openAiChat } from "../src/providers/openai/wire.js";
import { openEstimator } from "../src/surfaces/estimator.js";
import { report, shown } from "./rig/figures.js";
import { bodiesOf, eventsOf, repliesOf } from "./rig/reader-bodies.js";

const DIALECTS: readonly (readonly [Dialect, string])[] = [
  [openAiChat, "openai/gpt-4o-mini"],
  [anthropicMessagesDialect, "anthropic/claude-haiku-4-5"],
  [openAiResponses, "openai/gpt-4o-mini"],
  [geminiGenerate, "gemini/gemini-2.5-flash"],
];

/** Bytes that one measurement reads, about: a clock's step is then nothing beside it. */
const BYTES_A_ROUND = 8_000_000;
const WORK_MIN = 40;

/** CPU microseconds of one `work`: the least of several rounds, which is the one that nobody disturbed. */
function least(work: () => void, options: { readonly bytes: number; readonly rounds: number }): number {
  const times = Math.max(WORK_MIN, Math.round(BYTES_A_ROUND / (options.bytes + 2_000)));
  let best = Number.POSITIVE_INFINITY;
  // The first two rounds only warm up.
  for (let round = -2; round < options.rounds; round++) {
    const before = process.cpuUsage();
    for (let n = 0; n < times; n++) work();
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) best = Math.min(best, (user + system) / times);
  }
  return best;
}

type Row = Record<string, number>;

function row(work: () => void, parse: () => void, of: { bytes: number; rounds: number }): Row {
  const [own, parsed] = [least(work, of), least(parse, of)];
  return { bytes: of.bytes, cpu_us: shown(own), parse_us: shown(parsed), to_parse: shown(own / parsed) };
}

const estimator = openEstimator();

function requestRow(dialect: Dialect, canonical: string, of: { body: Buffer; rounds: number }): Row {
  const { body, rounds } = of;
  const target = { model: canonical.slice(canonical.indexOf("/") + 1), stream: false };
  const work = (): void => {
    const request = dialect.read(body, dialect === geminiGenerate ? target : {});
    const { tokens } = estimator.input(request, canonical);
    if (tokens === 0 || dialect.prepare(request, { model: "another", output_cap: 77 }).byteLength < 100)
      throw new Error("Not read");
  };
  return row(work, () => void JSON.parse(body.toString("utf8")), { bytes: body.byteLength, rounds });
}

function replyRow(dialect: Dialect, body: Buffer, rounds: number): Row {
  const work = (): void => {
    const read = dialect.readReply(body);
    if (read.usage === null || read.response_id === null) throw new Error("The reply was not read");
  };
  return row(work, () => void JSON.parse(body.toString("utf8")), { bytes: body.byteLength, rounds });
}

/** Microseconds of an event, and of parsing its data. The body arrives event by event, as paced streams do. */
function eventRow(dialect: Dialect, of: { request: Buffer; events: readonly Buffer[]; rounds: number }): Row {
  const { events, rounds } = of;
  const request = dialect.read(of.request, dialect === geminiGenerate ? { model: "m", stream: true } : {});
  const bytes = events.reduce((sum, event) => sum + event.byteLength, 0);
  const work = (): void => {
    const splitter = dialect.splitter(1_000_000, request);
    const reader = dialect.reader(request);
    let forwarded = 0;
    for (const chunk of events) {
      for (const raw of splitter.push(chunk)) {
        if (reader.event(raw) !== null) forwarded++;
        if (reader.seen.usage_final && reader.seen.metered_output < 0) throw new Error("Less than nothing was metered");
      }
      if (reader.seen.metered_output < 0) throw new Error("Less than nothing was metered");
    }
    if (forwarded === 0 || reader.seen.usage === null) throw new Error("The stream was not read");
  };
  const parse = (): void => {
    for (const event of events) {
      const text = event.toString("utf8");
      const data = text.slice(text.indexOf("data: ") + 6);
      if (!data.startsWith("[DONE]")) JSON.parse(data);
    }
  };
  const whole = row(work, parse, { bytes, rounds });
  const { cpu_us = 0, parse_us = 0, to_parse = 0 } = whole;
  return {
    events: events.length,
    cpu_us_per_event: shown(cpu_us / events.length),
    parse_us_per_event: shown(parse_us / events.length),
    to_parse,
  };
}

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const requests: Record<string, Row> = {};
const replies: Record<string, Row> = {};
const events: Record<string, Row> = {};
for (const [dialect, canonical] of DIALECTS) {
  const { name } = dialect;
  if (values.only !== undefined && !values.only.split(",").includes(name)) continue;
  const bodies = bodiesOf(name);
  for (const [kind, body] of Object.entries(bodies))
    requests[`${name}, ${kind}`] = requestRow(dialect, canonical, { body, rounds });
  for (const [kind, body] of Object.entries(repliesOf(name))) replies[`${name}, ${kind}`] = replyRow(dialect, body, rounds);
  events[name] = eventRow(dialect, { request: bodies.short, events: eventsOf(name), rounds });
}
report(
  "readers",
  { "read, estimate and prepare a request": requests, "read a reply": replies, "read a stream's event": events },
  values.json,
);
