/** The baseline: a proxy of node:http and undici that does nothing else. What Node makes possible without trying. */
import { createServer } from "node:http";
import { Pool } from "undici";

/** Hop-by-hop headers are the proxy's own: https://www.rfc-editor.org/rfc/rfc9110#name-connection */
const NOT_PASSED = new Set(["connection", "keep-alive", "transfer-encoding", "host"]);

type Headers = Record<string, string | string[] | undefined>;

function passed(headers: Headers): Headers {
  const kept: Headers = {};
  for (const name in headers) if (!NOT_PASSED.has(name)) kept[name] = headers[name];
  return kept;
}

/** The role of the bare proxy: answers the port. Answers are read whole and sent on, streams are piped. */
export function openBareProxy(): (question: { readonly upstreamPort: number }) => Promise<number> {
  return async ({ upstreamPort }) => {
    const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { connections: null });
    const server = createServer({ noDelay: true }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks);
        pool
          .request({ method: "POST", path: request.url ?? "/", headers: passed(request.headers), body })
          .then(async (reply) => {
            response.writeHead(reply.statusCode, passed(reply.headers));
            if (reply.headers["content-type"] === "text/event-stream") reply.body.pipe(response);
            else response.end(Buffer.from(await reply.body.arrayBuffer()));
          })
          .catch(() => response.destroy());
      });
    });
    await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The system gave no port");
    return address.port;
  };
}
