/** The provider of the benchmarks: a fixed chat completion with usage, or a paced stream of events. No figure is measured of it. */
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/**
 * `listen` begins, with a certificate over TLS; `finish` lets every running stream end with its usage; `burst` answers
 * streams from then on whole and at once, as fast as they are taken.
 */
export type UpstreamQuestion =
  | {
      readonly ask: "listen";
      readonly eventsPerSecond: number;
      readonly secure?: { readonly key: string; readonly cert: string };
    }
  | { readonly ask: "finish" }
  | { readonly ask: "burst" };

/** Events of content in a stream that is answered at once. */
export const BURST_EVENTS = 100;

/** Bytes of an ordinary answer's body: what a short answer of a chat model comes to on the wire. */
const BODY_BYTES = 700;
/** So far into a request's body is looked for whether it asks for a stream. */
const SHORT_BYTES = 2_048;
const CREATED = 1_764_000_000;
const OUTPUT_TOKENS = 96;
/** English text in JSON: usage must look like the request, or whoever learns from it is misled. */
const BYTES_PER_TOKEN = 4;

function usageOf(requestBytes: number, output: number): string {
  const input = Math.ceil(requestBytes / BYTES_PER_TOKEN);
  return `{"prompt_tokens":${input},"completion_tokens":${output},"total_tokens":${input + output}}`;
}

function answerTo(requestBytes: number): Buffer {
  const start =
    `{"id":"chatcmpl-bench","object":"chat.completion","created":${CREATED},"model":"gpt-bench","choices":[{"index":0,` +
    '"message":{"role":"assistant","content":"';
  const end = `"},"logprobs":null,"finish_reason":"stop"}],"usage":${usageOf(requestBytes, OUTPUT_TOKENS)}}`;
  const text = "The quick brown fox jumps over the lazy dog. ".repeat(20).slice(0, BODY_BYTES - start.length - end.length);
  const body = start + text + end;
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.from(head + body, "latin1");
}

const STREAM_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

function framed(data: string): string {
  const event = `data: ${data}\n\n`;
  return `${event.length.toString(16)}\r\n${event}\r\n`;
}

function eventOf(delta: string, finish: string): string {
  return framed(
    `{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":${CREATED},"model":"gpt-bench","choices":` +
      `[{"index":0,"delta":${delta},"finish_reason":${finish}}]}`,
  );
}

/** The end of a stream, as providers end it: a reason, the usage, the last word. */
function endOf(requestBytes: number, events: number): string {
  const usage = framed(
    `{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":${CREATED},"model":"gpt-bench","choices":[],` +
      `"usage":${usageOf(requestBytes, events)}}`,
  );
  return `${eventOf("{}", '"stop"')}${usage}${framed("[DONE]")}0\r\n\r\n`;
}

function burstOf(requestBytes: number): Buffer {
  const events = Array.from({ length: BURST_EVENTS }, (_, n) => eventOf(`{"content":" word${n}"}`, "null"));
  const first = eventOf('{"role":"assistant","content":""}', "null");
  return Buffer.from(STREAM_HEAD + first + events.join("") + endOf(requestBytes, BURST_EVENTS), "latin1");
}

interface Streaming {
  readonly socket: Socket;
  readonly requestBytes: number;
  events: number;
}

/** Streams in as many slots as there are milliseconds between two events of one stream, so that writes are spread evenly. */
function openPacer(eventsPerSecond: number): { add(streaming: Streaming): void; finish(): void } {
  const slots = Array.from({ length: Math.max(1, Math.round(1000 / eventsPerSecond)) }, () => new Set<Streaming>());
  let ticks = 0;
  let added = 0;
  const began = performance.now();
  const tick = (): void => {
    for (const due = performance.now() - began; ticks < due; ticks++) {
      // The content says when it was written, so that the reader can tell how late it came.
      const written = String(process.hrtime.bigint() / 1000n);
      const event = eventOf(`{"content":" t${written}"}`, "null");
      for (const streaming of slots[ticks % slots.length] ?? []) {
        // Who does not keep up gets fewer events, not a backlog that is measured with the next round.
        if (streaming.socket.writableNeedDrain) continue;
        streaming.socket.write(event, "latin1");
        streaming.events++;
      }
    }
  };
  setInterval(tick, 1);
  return {
    add(streaming) {
      const slot = slots[added++ % slots.length] as Set<Streaming>;
      slot.add(streaming);
      streaming.socket.once("close", () => slot.delete(streaming));
      streaming.socket.write(STREAM_HEAD + eventOf('{"role":"assistant","content":""}', "null"), "latin1");
    },
    finish() {
      for (const slot of slots) {
        for (const { socket, requestBytes, events } of slot) {
          socket.write(endOf(requestBytes, events), "latin1");
        }
        slot.clear();
      }
    },
  };
}

/** Reads requests off a connection: the length of each body and whether it asks for a stream. */
function openRequestReader(onRequest: (bytes: number, stream: boolean) => void): (chunk: Buffer) => void {
  let kept: Buffer | null = null;
  let left = 0;
  let length = 0;
  let stream = false;
  return (incoming) => {
    let chunk: Buffer = kept === null ? incoming : Buffer.concat([kept, incoming]);
    kept = null;
    while (chunk.length > 0) {
      if (left === 0) {
        const end = chunk.indexOf("\r\n\r\n");
        if (end < 0) break;
        const head = chunk.toString("latin1", 0, end);
        length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
        if (!(length > 0)) throw new RangeError(`The benchmark's upstream takes bodies with a length only: ${head}`);
        stream = false;
        left = length;
        chunk = chunk.subarray(end + 4);
      }
      // Some proxies put it last; only short bodies ask for streams, and they come in one piece.
      if (left === length) stream = chunk.subarray(0, SHORT_BYTES).includes('"stream":true');
      const taken = Math.min(left, chunk.length);
      left -= taken;
      chunk = chunk.subarray(taken);
      if (left > 0) return;
      onRequest(length, stream);
    }
    if (chunk.length > 0) kept = chunk;
  };
}

/** The last answer that was made: all requests of a round are of one length. */
function openAnswers(make: (requestBytes: number) => Buffer): (requestBytes: number) => Buffer {
  let known: { readonly bytes: number; readonly answer: Buffer } = { bytes: -1, answer: Buffer.alloc(0) };
  return (bytes) => {
    if (known.bytes !== bytes) known = { bytes, answer: make(bytes) };
    return known.answer;
  };
}

/** The role of the upstream. `listen` answers the port. */
export function openUpstream(): (question: UpstreamQuestion) => Promise<number> {
  let pacer: ReturnType<typeof openPacer> | null = null;
  let bursts = false;
  return async (question) => {
    if (question.ask === "finish") {
      pacer?.finish();
      return 0;
    }
    if (question.ask === "burst") {
      bursts = true;
      return 0;
    }
    pacer = openPacer(question.eventsPerSecond);
    const whole = openAnswers(answerTo);
    const burst = openAnswers(burstOf);
    const serve = (socket: Socket): void => {
      socket.on("error", () => socket.destroy());
      const read = openRequestReader((bytes, stream) => {
        if (!stream) socket.write(whole(bytes));
        else if (bursts) socket.write(burst(bytes));
        else pacer?.add({ socket, requestBytes: bytes, events: 0 });
      });
      socket.on("data", read);
    };
    const { secure } = question;
    const server = secure === undefined ? createServer({ noDelay: true }, serve) : createTlsServer(secure, serve);
    await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The system gave no port");
    return address.port;
  };
}
