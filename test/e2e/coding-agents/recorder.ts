import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** One request as it came in. Header names in lower case. */
export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Stands between two that speak HTTP, writes down what the first says, and passes everything on as it is. */
export interface Recorder {
  readonly url: string;
  /** Requests with a body that it has seen, and probes. */
  readonly seen: readonly RecordedRequest[];
  close(): void;
}

/** Opens one on the loopback; `target` is the address behind it, asked for each request. */
export async function openRecorder(target: () => string): Promise<Recorder> {
  const seen: RecordedRequest[] = [];
  const server = createServer(async (asked, answer) => {
    const body = await buffer(asked);
    const headers = Object.fromEntries(Object.entries(asked.headers).map(([name, value]) => [name, String(value)]));
    seen.push({ method: asked.method ?? "", url: asked.url ?? "", headers, body });
    const { method, url } = asked;
    const onward = httpRequest(
      `${target()}${url}`,
      { method, headers: { ...headers, host: new URL(target()).host } },
      (reply) => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      },
    );
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    onward.end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
