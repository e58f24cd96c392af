import { z } from "zod";
import type { Door, DoorKind, Way } from "./door.js";

/** What a programmer gets to know of one answer, read from the client's own objects. */
export interface Heard {
  readonly text: string;
  /** Tokens as the client shows them. */
  readonly usage: { readonly input: number; readonly output: number };
  /** Why it ended, in the client's own word. */
  readonly finish: string;
}

/** What a programmer does while a stream comes in. */
export interface Listening {
  readonly signal: AbortSignal;
  /** Called with each piece of text or of a tool's arguments. */
  readonly heard: (text: string) => void;
}

/** A client that was made for one purpose; nothing but base URL, key, headers and `fetch` are set. */
export interface OpenedClient {
  answer(): Promise<Heard>;
  stream?(listening: Listening): Promise<Heard>;
  /** Lets the model call the one tool it is given, and answers the parsed arguments. */
  tools?(): Promise<unknown>;
  /** The same as a stream. Answers the arguments, or what the client makes of them when they are cut off. */
  streamedTools?(listening: Listening): Promise<unknown>;
  /** Every way to ask for an object of the schema; each answers it as the client parsed it. */
  readonly objects?: readonly (() => Promise<unknown>)[];
}

/** What is told to Bursar and to the simulated provider with a request. */
export interface Purpose {
  readonly agent: "roomy" | "tight" | "spent";
  readonly task: string;
  /** All of it, and the steering of the simulator, as headers. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One client on one route: what the matrix drives. */
export interface ClientUse {
  /** Name of the row, unique together with the route. */
  readonly client: string;
  /** Package whose version is shown; the keys of test/package.json. */
  readonly packages: readonly string[];
  readonly route: string;
  /** How the SDK is used in process, as a programmer writes it. */
  readonly inProcess?: string;
  readonly doors: readonly DoorKind[];
  /** The client's word for an answer that ended at its cap; absent where no answer can. */
  readonly cutFinish?: string;
  /** Output tokens that the client itself adds to what its stream told, and why. */
  readonly addsToStream?: { readonly tokens: number; readonly why: string };
  /** The provider tells no usage on this route: what Bursar counts itself is posted. */
  readonly usageUntold?: true;
  /** What is left unfinished counts at what was held, until it is resolved by hand: shown by a check of its own. */
  readonly leavingPresumed?: true;
  /** A tool's arguments come in one event: there is no middle to cut. */
  readonly toolsArriveWhole?: true;
  open(way: Way, purpose: Purpose): OpenedClient;
  /** Further checks, by what they show. */
  readonly also?: Readonly<Record<string, (door: Door) => Promise<void>>>;
}

/** Where and for whom, as headers; `steer` goes to the simulated provider. */
export function purposeOf(agent: Purpose["agent"], task: string, steer: Readonly<Record<string, string | number>> = {}): Purpose {
  const simulated = Object.entries(steer).map(([name, value]) => [`x-sim-${name}`, String(value)]);
  return { agent, task, headers: { "x-bursar-agent": agent, "x-bursar-task": task, ...Object.fromEntries(simulated) } };
}

/** A schema whose arguments every client can declare and parse. */
export const WEATHER = {
  type: "object" as const,
  properties: { city: { type: "string" as const } },
  required: ["city"],
  additionalProperties: false as const,
};

/** The same for clients that take zod's schemas. */
export const WEATHER_ZOD = z.object({ city: z.string() });

/** Says something that the simulated provider answers in prose. */
export const QUESTION = "How do I keep a budget?";
