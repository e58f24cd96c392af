import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ask } from "./asks.js";

/** Where a client leaves: after so many ms or at a word from elsewhere, whatever came; after the head, after so many events, or not at all. */
export type Leaving =
  | { readonly after: "ms"; readonly ms: number }
  | { readonly after: "word"; readonly word: Promise<unknown> }
  | { readonly after: "head" }
  | { readonly after: "events"; readonly events: number }
  | { readonly after: "last word" }
  | { readonly after: "the end" };

/** What a client asks for, and where. */
export interface Leaver {
  readonly url: string;
  readonly ask: Ask;
  /** Names the call on the simulator's bill (`x-sim-key`) and in the log (`x-bursar-user`). */
  readonly key: string;
  readonly cap: number;
  readonly stream: boolean;
  readonly steer: Readonly<Record<string, string | number>>;
  readonly leaving: Leaving;
}

/** What each dialect's own last event looks like; Gemini's is the one with a reason. */
const LAST_WORD: Readonly<Record<Ask["name"], RegExp>> = {
  chat: /data: \[DONE\]/,
  messages: /event: message_stop/,
  responses: /event: response\.completed/,
  gemini: /"finishReason"/,
};

function open(of: Leaver): ClientRequest {
  const { url, ask, key, stream, cap, steer } = of;
  const steering = Object.fromEntries(Object.entries(steer).map(([name, value]) => [`x-sim-${name}`, String(value)]));
  const headers = { ...ask.headers, "content-type": "application/json", "x-bursar-user": key, "x-sim-key": key, ...steering };
  const asked = request(`${url}${ask.path(stream)}`, { method: "POST", headers, agent: false });
  asked.end(JSON.stringify(ask.body({ stream, cap })));
  return asked;
}

function headOf(asked: ClientRequest): Promise<IncomingMessage | null> {
  return new Promise((resolve) => {
    asked.on("response", resolve);
    // Closed before a head: by the client itself, which left, or by the gateway, which the ledger then shows.
    asked.on("close", () => resolve(null));
    asked.on("error", () => resolve(null));
  });
}

/** Events that are whole, whatever their line ends. */
export function eventsIn(text: string): number {
  return text.split(/\r?\n\r?\n/).length - 1;
}

/** Is this where the client leaves? */
function reached(of: Leaver, text: string): boolean {
  const { leaving, ask } = of;
  if (leaving.after === "events") return eventsIn(text) >= leaving.events;
  return leaving.after === "last word" && LAST_WORD[ask.name].test(text);
}

/** Asks, reads as far as it is to, and destroys its socket. Answers what came until then. */
export async function askAndLeave(of: Leaver): Promise<{ status: number | null; text: string }> {
  const asked = open(of);
  const { leaving } = of;
  const head = headOf(asked);
  if (leaving.after === "ms" || leaving.after === "word") {
    head.then((response) => response?.on("error", () => undefined).resume());
    await (leaving.after === "ms" ? sleep(leaving.ms) : leaving.word);
    asked.destroy();
    return { status: null, text: "" };
  }
  const response = await head;
  if (response === null) return { status: null, text: "" };
  const status = response.statusCode ?? null;
  let text = "";
  if (leaving.after !== "head") {
    response.setEncoding("utf8");
    try {
      for await (const piece of response) {
        text += String(piece);
        if (reached(of, text)) break;
      }
    } catch {
      // A stream that breaks has ended for this client; the ledger shows what it cost.
    }
  }
  asked.destroy();
  return { status, text };
}
