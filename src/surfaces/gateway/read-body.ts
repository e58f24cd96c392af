import type { IncomingMessage } from "node:http";
import { BursarError } from "../../accounting/errors.js";

/** Reads a request body whole. Throws `body_too_large` past the limit, without reading on, and `invalid_request` when it breaks off. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const { headers } = request;
  const announced = Number(headers["content-length"] ?? Number.NaN);
  const tooLarge = (): BursarError =>
    new BursarError("body_too_large", `The body exceeds ${bytesMax} bytes. Send less, or raise limits.body_bytes_max.`, {
      limit: bytesMax,
    });
  if (announced > bytesMax) throw tooLarge();
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new BursarError(
      "invalid_request",
      `Bodies are taken as they are, not with content-encoding ${JSON.stringify(encoding)}.`,
    );
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const whole = (): void => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) {
        request.pause();
        reject(tooLarge());
        return;
      }
      chunks.push(chunk);
      // All that was announced is all there is: no need to wait for the end to be told.
      if (bytes === announced) whole();
    });
    request.on("end", whole);
    request.on("close", () => {
      // It follows every request; an error with its stack is only made for one that is incomplete.
      if (!request.complete) reject(new BursarError("invalid_request", "The request body broke off."));
    });
  });
}
