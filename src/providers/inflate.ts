/**
 * Unpacks a reply that came compressed although it was asked for plain: streaming and bounded, so that a few bytes cannot
 * become more than memory holds. Money path: fails closed — a reply that cannot be unpacked is invalid.
 */
import { pipeline, Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { UpstreamFailure } from "../call/needs.js";

const UNPACKERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * The unpacked bytes. Throws UpstreamFailure `invalid` on an unknown encoding, broken data, or more than `bytes_max`; a
 * failure of the packed body comes through as it is.
 */
export async function* inflate(
  packed: AsyncIterable<Uint8Array>,
  options: { readonly encoding: string; readonly bytes_max: number },
): AsyncGenerator<Uint8Array> {
  const unpacker = UNPACKERS[options.encoding]?.();
  if (unpacker === undefined) {
    await packed[Symbol.asyncIterator]().return?.();
    throw new UpstreamFailure("invalid", `The reply is encoded as "${options.encoding}", which was not asked for.`);
  }
  const source = Readable.from(packed, { objectMode: false });
  // The error also ends the iteration below, which is where it is thrown.
  pipeline(source, unpacker, () => undefined);
  let bytes = 0;
  try {
    for await (const chunk of unpacker as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > options.bytes_max)
        throw new UpstreamFailure("invalid", `The unpacked reply exceeds ${options.bytes_max} bytes.`);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof UpstreamFailure) throw error;
    throw new UpstreamFailure("invalid", "The reply cannot be unpacked.", { cause: error });
  } finally {
    source.destroy();
  }
}
