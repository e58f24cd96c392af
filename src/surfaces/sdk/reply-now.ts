import type { UpstreamReply } from "../../call/needs.js";

async function* bytes(body: Uint8Array): AsyncIterable<Uint8Array> {
  yield body;
}

/** A reply that is there at once. */
export function replyNow(status: number, headers: Readonly<Record<string, string>>, body: string): UpstreamReply {
  return { status, headers, body: bytes(Buffer.from(body)) };
}
