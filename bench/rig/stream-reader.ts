/** Reads many streams at the same time, a process of its own: how many events came and how late. */
import { connect, type Socket } from "node:net";
import { percentile } from "./figures.js";
import { type LoadTarget, requestBytes } from "./load.js";
import { openReplyReader } from "./reply-reader.js";

/** `open` starts streams and waits for their first events; `count` counts for a time; `end` waits until all have ended. */
export type StreamQuestion =
  | { readonly ask: "open"; readonly target: LoadTarget; readonly streams: number }
  | { readonly ask: "count"; readonly seconds: number }
  | { readonly ask: "end" };

/** What was counted. Lateness in milliseconds from the provider's write to the reader's read, of a sample of events. */
export interface StreamAnswer {
  readonly events: number;
  readonly seconds: number;
  readonly lateP50: number;
  readonly lateP99: number;
  /** Streams that ended before they were told to, or with another status than 200. */
  readonly broken: number;
}

const EVENT_END = Buffer.from("\n\n");
const MARK = '"content":" t';
/** Every so many pieces one event is looked into: looking costs the reader more than counting. */
const SAMPLE = 16;
/** Longest wait for all streams to begin, and for all to end. */
const WAIT_MS = 60_000;

interface Counting {
  events: number;
  pieces: number;
  /** Streams of which something has come. */
  begun: number;
  late: number[];
  ended: number;
  broken: number;
}

/** Counts events in pieces of a body, also when their end is split between two pieces. */
function openCounter(counting: Counting): (piece: Buffer) => void {
  let newlineBefore = false;
  let begun = false;
  return (piece) => {
    if (!begun) counting.begun++;
    begun = true;
    let at = 0;
    if (newlineBefore && piece[0] === 0x0a) {
      counting.events++;
      at = 1;
    }
    for (let found = piece.indexOf(EVENT_END, at); found >= 0; found = piece.indexOf(EVENT_END, found + 2)) {
      counting.events++;
      at = found + 2;
    }
    newlineBefore = at < piece.length && piece[piece.length - 1] === 0x0a;
    if (++counting.pieces % SAMPLE !== 0) return;
    const mark = piece.indexOf(MARK);
    if (mark < 0) return;
    const written = Number.parseInt(piece.toString("latin1", mark + MARK.length, mark + MARK.length + 20), 10);
    if (Number.isFinite(written)) counting.late.push((Number(process.hrtime.bigint() / 1000n) - written) / 1000);
  };
}

function openStream(target: LoadTarget, bytes: Buffer, counting: Counting): Socket {
  const socket = connect({ port: target.port, host: "127.0.0.1", noDelay: true });
  let over = false;
  const end = (status: number): void => {
    if (over) return;
    over = true;
    counting.ended++;
    if (status !== 200) counting.broken++;
    socket.destroy();
  };
  socket.on("data", openReplyReader({ body: openCounter(counting), end }));
  socket.on("error", () => socket.destroy());
  socket.on("close", () => end(-1));
  socket.once("connect", () => socket.write(bytes));
  return socket;
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(condition: () => boolean): Promise<void> {
  const last = performance.now() + WAIT_MS;
  while (!condition() && performance.now() < last) await pause(20);
}

/** The role of the stream reader. */
export function openStreamReader(): (question: StreamQuestion) => Promise<StreamAnswer> {
  let sockets: Socket[] = [];
  let counting: Counting = { events: 0, pieces: 0, begun: 0, late: [], ended: 0, broken: 0 };
  const answer = (seconds: number): StreamAnswer => {
    const late = counting.late.sort((a, b) => a - b);
    const { events, broken } = counting;
    return { events, seconds, broken, lateP50: percentile(late, 0.5), lateP99: percentile(late, 0.99) };
  };
  return async (question) => {
    if (question.ask === "open") {
      counting = { events: 0, pieces: 0, begun: 0, late: [], ended: 0, broken: 0 };
      const bytes = requestBytes(question.target);
      sockets = Array.from({ length: question.streams }, () => openStream(question.target, bytes, counting));
      await until(() => counting.begun === question.streams || counting.ended > 0);
      if (counting.begun < question.streams) throw new Error(`${question.streams - counting.begun} streams did not begin`);
      return answer(0);
    }
    if (question.ask === "count") {
      counting.events = 0;
      counting.late = [];
      const began = performance.now();
      await pause(question.seconds * 1000);
      const counted = answer((performance.now() - began) / 1000);
      return { ...counted, broken: counted.broken + counting.ended };
    }
    await until(() => counting.ended === sockets.length);
    const whole = counting.ended === sockets.length;
    for (const socket of sockets) socket.destroy();
    if (!whole) throw new Error(`${sockets.length - counting.ended} streams did not end`);
    return answer(0);
  };
}
