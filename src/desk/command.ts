import type { z } from "zod";
import { BursarError } from "../accounting/errors.js";
import type { KeyIdentity } from "../call/identify.js";
import type { DeskNeeds } from "./needs.js";
import { readInput } from "./read-input.js";
import type { Block } from "./shown.js";

/**
 * What asking takes. `read` sees, `write` changes, `self` is for the holder of a data-plane key and shows only what
 * that key spends from.
 */
export type Permission = "read" | "write" | "self";

/** Who asks: the name that entries carry, and the data-plane key where one was shown. */
export interface Actor {
  readonly name: string;
  readonly key: KeyIdentity | null;
}

/** How the command line offers a command. */
export interface CommandLine {
  /** Input keys given by position, in order. All others become options. */
  readonly positional: readonly string[];
  /** Other words for the same command, e.g. `calls` for `call list`. */
  readonly aliases?: readonly string[];
  /** A whole line that works. */
  readonly example: string;
}

/** What every command has, whatever it answers. */
interface Asked<I extends z.ZodObject> {
  /** One or two words: `status`, `budget raise`. */
  readonly name: string;
  /** One sentence, without a full stop. */
  readonly summary: string;
  readonly permission: Permission;
  readonly method: "GET" | "POST";
  /** Below `/api/v1`, parameters as `:key`. A GET takes the other keys of `input` from the query, a POST from its JSON body. */
  readonly path: string;
  readonly input: I;
  readonly cli: CommandLine;
}

/** A command that answers once. */
export interface Command<I extends z.ZodObject = z.ZodObject, O extends z.ZodType = z.ZodType> extends Asked<I> {
  readonly kind: "answer";
  readonly output: O;
  readonly changes: boolean;
  /** What `run` would do, in one sentence, without doing it. Throws what `run` would throw. */
  preview?(needs: DeskNeeds, input: z.output<I>): string;
  run(needs: DeskNeeds, input: z.output<I>, actor: Actor): Promise<z.output<O>>;
  /** The answer for a person in a terminal. */
  show(output: z.output<O>): readonly Block[];
  /** Is this answer bad news that a script must notice (exit code 1)? */
  failed?(output: z.output<O>): boolean;
}

/** A command whose answer goes on: the live events. */
export interface Feed<I extends z.ZodObject = z.ZodObject> extends Asked<I> {
  readonly kind: "feed";
  readonly changes: false;
  /** `after`: the last one the asker has seen, or null. Ends when `signal` aborts or the asker cannot keep up. */
  watch(needs: DeskNeeds, input: z.output<I>, using: { after: number | null; signal: AbortSignal }): AsyncIterable<FeedItem>;
  /** One item for a person in a terminal. `json` is an item's own. */
  line(json: string): string;
}

/** One item of a feed: a log entry, or the word that the feed ends because its reader is too slow. */
export type FeedItem =
  | { readonly kind: "entry"; readonly seq: number; readonly type: string; readonly json: string }
  | { readonly kind: "lagging" };

/** Anything of the desk's table. */
export type AnyCommand = Command | Feed;

/** Types a command by its schemas and puts it among the others. */
export function defineCommand<I extends z.ZodObject, O extends z.ZodType>(command: Omit<Command<I, O>, "kind">): Command {
  return { ...command, kind: "answer" };
}

/** Types a feed by its schema. */
export function defineFeed<I extends z.ZodObject>(feed: Omit<Feed<I>, "kind" | "changes">): Feed {
  return { ...feed, kind: "feed", changes: false };
}

/** May this actor ask for it? Every surface asks here, so that no route can forget. Throws `unauthorized`. */
function permit(command: AnyCommand, actor: Actor): void {
  if (command.permission === "self" && actor.key === null) {
    throw new BursarError(
      "unauthorized",
      "This shows what a data-plane key may spend: send that key as Authorization: Bearer KEY.",
    );
  }
  if (command.permission !== "self" && actor.key !== null) {
    throw new BursarError("forbidden", `A data-plane key may not ask for ${command.name}; it takes the admin token.`);
  }
}

/** Reads the input and runs the command for an actor. Throws BursarError. */
export async function answer(command: Command, needs: DeskNeeds, asked: { input: unknown; actor: Actor }): Promise<unknown> {
  permit(command, asked.actor);
  return command.run(needs, readInput(command.input, asked.input), asked.actor);
}

/** Reads the input and says what the command would do. Throws BursarError. */
export function previewOf(command: Command, needs: DeskNeeds, asked: { input: unknown; actor: Actor }): string {
  permit(command, asked.actor);
  const input = readInput(command.input, asked.input);
  return command.preview?.(needs, input) ?? `${command.summary}.`;
}

/** Reads the input and opens the feed for an actor. Throws BursarError. */
export function openFeed(
  feed: Feed,
  needs: DeskNeeds,
  asked: { input: unknown; actor: Actor; after: number | null; signal: AbortSignal },
): AsyncIterable<FeedItem> {
  permit(feed, asked.actor);
  return feed.watch(needs, readInput(feed.input, asked.input), asked);
}
