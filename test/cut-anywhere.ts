// Streams written in every way that is legal, and cut at every byte: what is forwarded, told and counted stays the same.
import { expect } from "vitest";
import type { ParsedRequest } from "../src/call/message.js";
import type { Dialect, StreamSeen } from "../src/call/needs.js";
import { type Replayed, replay, understood } from "./replay-stream.js";

/** One way to write a stream, with what makes it another. */
export type Spelling = readonly [name: string, bytes: Buffer];

const LINE_ENDS = [
  ["LF", "\n"],
  ["CR LF", "\r\n"],
  ["CR", "\r"],
] as const;

/** Streams up to this size are cut at every byte, longer ones at every `STRIDE`th, from another place in each spelling. */
const EVERY_BYTE_MAX = 4096;
const STRIDE = 7;

/** The step of the cuts through a stream, for the name of its test. */
export function cutsOf(stream: Buffer): string {
  return stepOf(stream) === 1 ? "at every byte" : `at every ${STRIDE}th byte of ${stream.length}`;
}

function stepOf(stream: Buffer): number {
  return stream.length <= EVERY_BYTE_MAX ? 1 : STRIDE;
}

/** Characters beyond the first plane as JSON escapes: two units each. */
function escaped(text: string): string {
  return text.replace(/[\u{10000}-\u{10ffff}]/gu, (found) =>
    [0, 1].map((at) => `\\u${found.charCodeAt(at).toString(16)}`).join(""),
  );
}

/** Data over two or three lines, broken behind the first and the last comma, where JSON allows white space. */
function onSeveralLines(text: string): string {
  return text.replace(/^data: (\{.*)$/gm, (_line, json: string) => {
    const tokens = [...json.matchAll(/"(?:[^"\\]|\\.)*"|,/g)];
    const behind = tokens.filter(([token]) => token === ",").map(({ index }) => index + 1);
    const places = [...new Set([0, ...behind.slice(0, 1), ...behind.slice(-1)])];
    return places.map((at, index) => `data: ${json.slice(at, places[index + 1])}`).join("\n");
  });
}

function withComments(text: string): string {
  return `\ufeff${text.replaceAll("\n\n", "\n: keep-alive\n\n: more\n\n")}`;
}

/**
 * The ways a stream of events may be written: each line end, with and without a byte order mark and comments, data on
 * one line and on several; and once with its emoji escaped.
 */
export function spellings(stream: Buffer): readonly Spelling[] {
  const text = stream.toString("utf8");
  const written: readonly (readonly [string, string])[] = [
    ["", text],
    [", byte order mark and comments", withComments(text)],
    [", data on several lines", onSeveralLines(text)],
    [", byte order mark and comments, data on several lines", withComments(onSeveralLines(text))],
  ];
  const product = LINE_ENDS.flatMap(([name, end]) =>
    written.map(([more, one]): Spelling => [name + more, Buffer.from(one.replaceAll("\n", end))]),
  );
  return [...product, ["LF, escaped", Buffer.from(escaped(text))]];
}

/** The ways an array may be written: each line end or no white space, with and without a byte order mark, escaped. */
export function arraySpellings(array: Buffer): readonly Spelling[] {
  const text = array.toString("utf8");
  const product = LINE_ENDS.flatMap(([name, end]): Spelling[] => {
    const written = text.replaceAll("\n", end);
    return [
      [name, Buffer.from(written)],
      [`${name}, byte order mark`, Buffer.from(`\ufeff${written}`)],
    ];
  });
  const line = JSON.stringify(JSON.parse(text));
  return [...product, ["one line", Buffer.from(line)], ["one line, escaped", Buffer.from(escaped(line))]];
}

/** What is on the record of a stream when it has ended, as text. */
function posted({ usage, usage_final, metered_output, terminal, error, flags, response_id, model, finish_reason }: StreamSeen) {
  return JSON.stringify(
    { usage, usage_final, metered_output, terminal, error, flags, response_id, model, finish_reason },
    (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value),
  );
}

function compact(json: string): string {
  return json === "[DONE]" ? json : JSON.stringify(JSON.parse(json));
}

/** What a client makes of the forwarded bytes: names and values, whatever white space stands between them. */
function clientSees(replayed: Replayed, framing: "sse" | "json"): readonly string[] {
  const bytes = Buffer.concat([replayed.forwarded, replayed.closing]);
  if (framing === "sse") return understood(bytes).map(({ event, data }) => `${event} ${compact(data ?? "")}`);
  const elements: unknown[] = JSON.parse(bytes.toString("utf8").replace("\ufeff", ""));
  return elements.map((element) => JSON.stringify(element));
}

/** The events a splitter makes of pieces, as text that is equal when and only when they are. */
function eventsIn(dialect: Dialect, request: ParsedRequest, pieces: readonly Uint8Array[]): string {
  const splitter = dialect.splitter(1 << 20, request);
  const events = pieces.flatMap((piece) => [...splitter.push(piece)]);
  const rest = splitter.rest();
  if (rest !== null) events.push(rest);
  return `${events.map((event) => event.length)} ${Buffer.concat(events).toString("latin1")}`;
}

/** The bytes in two pieces, cut at one place after another, and in single bytes. */
function* cuts(bytes: Buffer, options: { from: number; step: number }): Generator<readonly [string, readonly Uint8Array[]]> {
  for (let at = 1 + (options.from % options.step); at < bytes.length; at += options.step) {
    yield [`cut at ${at}`, [bytes.subarray(0, at), bytes.subarray(at)]];
  }
  yield ["in single bytes", Array.from(bytes, (byte) => Uint8Array.of(byte))];
}

/**
 * Replays a stream in every spelling, cut everywhere, as each of the requests: the client sees the same events and the
 * same is posted. A reader is fed events and nothing else, so each sequence of events that cuts bring about is read once.
 */
export function expectTheSameWhereverCut(of: { dialect: Dialect; requests: readonly ParsedRequest[]; stream: Buffer }): void {
  const { dialect, requests, stream } = of;
  const [request] = requests as readonly [ParsedRequest];
  const framing = request.target.framing ?? "sse";
  const outcomes = (pieces: readonly Uint8Array[]) =>
    requests.map((asked) => {
      const replayed = replay(dialect, asked, pieces);
      return { sees: clientSees(replayed, framing), posts: posted(replayed.seen) };
    });
  const wanted = outcomes([stream]);
  const written = framing === "sse" ? spellings(stream) : arraySpellings(stream);
  for (const [index, [spelling, bytes]] of written.entries()) {
    const read = new Set<string>();
    for (const [place, pieces] of [["whole", [bytes]] as const, ...cuts(bytes, { from: index, step: stepOf(stream) })]) {
      const events = eventsIn(dialect, request, pieces);
      if (read.has(events)) continue;
      read.add(events);
      expect(outcomes(pieces), `${spelling}, ${place}`).toEqual(wanted);
    }
  }
}
