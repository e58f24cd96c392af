/** What comes out of the road, as the AI SDK's own parts again. Watching path: the money is settled by the road. */
import { BursarError, ERROR_TABLE, type ErrorCode } from "../../../accounting/errors.js";
import { eventFields, openSseSplitter } from "../../../providers/sse.js";
import { typedError } from "../errors.js";
import type { CutEvent, FailedEvent, ModelCallEvent } from "../model-call/model-call-events.js";
import type { ByProvider, V3Part } from "./v3-shapes.js";

/** The provider's own parts, by index, until they are handed on: nothing of them is lost in JSON. */
export interface PartTable<Part> {
  put(part: Part): number;
  take(index: number): Part | undefined;
  /** Nobody reads on: what comes is counted, not kept. */
  leave(): void;
}

/** Opens a table. Holds the parts that are on their way. */
export function openPartTable<Part>(): PartTable<Part> {
  const waiting = new Map<number, Part>();
  let next = 0;
  let left = false;
  return {
    put(part) {
      const index = next++;
      if (!left) waiting.set(index, part);
      return index;
    },
    take(index) {
      const part = waiting.get(index);
      waiting.delete(index);
      return part;
    },
    leave() {
      left = true;
      waiting.clear();
    },
  };
}

/** An event is a line of this process's own making: text of one delta and a few fields. */
const EVENT_BYTES_MAX = 64 * 1_048_576;

/** The end of a stream that was cut: its open blocks are closed, and it ends as if the answer had reached its length. */
function cutParts({ cut }: CutEvent): readonly V3Part[] {
  const ends = cut.close.map((block) => {
    const colon = block.indexOf(":");
    return { type: `${block.slice(0, colon)}-end`, id: block.slice(colon + 1) };
  });
  const finish = {
    type: "finish",
    finishReason: { unified: "length", raw: "bursar_cut" },
    usage: {
      inputTokens: { total: cut.input, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: cut.output, text: undefined, reasoning: undefined },
    },
    providerMetadata: { bursar: cut.bursar },
  };
  return [...ends, finish];
}

function errorOfEvent({ failed }: FailedEvent): BursarError {
  const code: ErrorCode = Object.hasOwn(ERROR_TABLE, failed.code) ? (failed.code as ErrorCode) : "internal";
  return typedError(new BursarError(code, failed.message, failed.details));
}

function partsOfEvent<Part extends V3Part>(event: ModelCallEvent, table: PartTable<Part>): readonly Part[] {
  if ("cut" in event) return cutParts(event) as unknown as readonly Part[];
  if ("failed" in event) return [{ type: "error", error: errorOfEvent(event) } as unknown as Part];
  const part = table.take(event.part);
  if (part === undefined) return [];
  if (!("bursar" in event)) return [part];
  const { providerMetadata } = part as { providerMetadata?: ByProvider };
  return [{ ...part, providerMetadata: { ...providerMetadata, bursar: event.bursar } }];
}

/** The stream of parts. Cancelling it, or aborting, leaves the call, which settles all the same. */
export function streamOf<Part extends V3Part>(of: {
  readonly body: AsyncIterable<Uint8Array>;
  readonly table: PartTable<Part>;
  readonly signal: AbortSignal | undefined;
}): ReadableStream<Part> {
  const { table, signal } = of;
  const iterator = of.body[Symbol.asyncIterator]();
  const splitter = openSseSplitter({ eventBytesMax: EVENT_BYTES_MAX });
  function parts(chunk: Uint8Array): readonly Part[] {
    return splitter.push(chunk).flatMap((raw) => {
      const { data } = eventFields(raw);
      return data === null ? [] : partsOfEvent(JSON.parse(data) as ModelCallEvent, table);
    });
  }
  return new ReadableStream<Part>({
    async pull(controller) {
      for (let given = 0; given === 0; ) {
        const next = await iterator.next();
        if (signal?.aborted === true) {
          table.leave();
          return controller.error(signal.reason);
        }
        if (next.done === true) return controller.close();
        const found = parts(next.value);
        for (const part of found) controller.enqueue(part);
        given = found.length;
      }
    },
    async cancel() {
      table.leave();
      await iterator.return?.();
    },
  });
}
