import type { ServerResponse } from "node:http";

/** Resolves once what was written has gone, or its reader has. */
function drained(of: { readonly response: ServerResponse; readonly writable: NodeJS.WritableStream }): Promise<void> {
  const { response, writable } = of;
  return new Promise<void>((resolve) => {
    const done = (): void => {
      writable.removeListener("drain", done);
      response.off("close", done);
      resolve();
    };
    writable.once("drain", done);
    response.once("close", done);
  });
}

/** A chunk of a chunked body: size, bytes, line ends; https://www.rfc-editor.org/rfc/rfc9112#section-7.1 */
function framed(bytes: Uint8Array): Buffer {
  const size = bytes.byteLength.toString(16);
  const chunk = Buffer.allocUnsafe(size.length + 4 + bytes.byteLength);
  chunk.write(size, "latin1");
  chunk.write("\r\n", size.length, "latin1");
  chunk.set(bytes, size.length + 2);
  chunk.write("\r\n", chunk.length - 2, "latin1");
  return chunk;
}

/** Sends the head, together with what of the body is there by the end of this turn. */
function sendHead(response: ServerResponse): void {
  const { socket } = response;
  socket?.cork();
  response.flushHeaders();
  setImmediate(() => socket?.uncork());
}

/**
 * Writes a stream behind the head that was given to `response`: its bytes as they come, never ahead of a slow reader, and
 * its end. In a chunked body chunks are framed here and go to the socket in one write each, where node writes size, bytes
 * and line ends as four pieces, gathered a turn later. The last chunk is node's.
 */
export async function writeStream(response: ServerResponse, body: AsyncIterable<Uint8Array>): Promise<void> {
  sendHead(response);
  for await (const bytes of body) {
    if (response.destroyed) break;
    if (bytes.byteLength === 0) continue;
    // Behind an answer that a pipelining client still waits for, there is no socket yet.
    const { socket } = response;
    const direct = response.chunkedEncoding && socket !== null;
    const taken = direct ? socket.write(framed(bytes)) : response.write(bytes);
    if (!taken && !response.destroyed) await drained({ response, writable: direct ? socket : response });
  }
  response.end();
}
