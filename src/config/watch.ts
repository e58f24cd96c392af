// Follows the configuration file. Money path: fails closed; a wrong file changes nothing: the last good one stays in force
// and the problems are told. Editors that write in place, by rename or through a link are all followed: any change in the
// directory, and a poll beside it, leads to one comparison of contents.
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Config } from "./config.js";
import { type LoadOptions, readAgain } from "./load.js";
import type { ConfigProblem } from "./problem.js";
import { readText } from "./read-config.js";

/** What a watch needs. Neither callback may throw. */
export interface WatchOptions extends LoadOptions {
  /** Absolute path of the file. */
  readonly path: string;
  /** The configuration in force, so that the first change is told apart from what is already loaded. */
  readonly current?: Config;
  readonly onGood: (config: Config) => void;
  readonly onBad: (problems: readonly ConfigProblem[]) => void;
  /** How long the directory must be quiet before the file is read, in milliseconds. */
  readonly debounce_ms?: number;
  /** How often the contents are compared where no event came, in milliseconds. */
  readonly poll_ms?: number;
}

/** A running watch. */
export interface ConfigWatch {
  close(): void;
}

const DEBOUNCE_MS = 100;
const POLL_MS = 2_000;

function contentsOf(paths: readonly string[]): string {
  return JSON.stringify(paths.map((path) => readText(path)));
}

function watchDirectory(directory: string, changed: () => void): FSWatcher | null {
  try {
    const watcher = watch(directory, { persistent: false }, changed);
    // The poll goes on without it.
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    // No watch to be had (limits, network file systems): the poll alone follows the file.
    return null;
  }
}

function gone(path: string, fault: string): ConfigProblem {
  const suggestion = "Put the file back; until then the last good configuration stays in force.";
  return { file: basename(path), line: null, column: null, path: "", value: null, message: fault, suggestion };
}

/** Reads the file again whenever it or its prices file changes, until closed. */
export function watchConfig(options: WatchOptions): ConfigWatch {
  const { path, onGood, onBad, debounce_ms: debounce = DEBOUNCE_MS, poll_ms: poll = POLL_MS } = options;
  let followed: readonly string[] = options.current?.prices ? [path, options.current.prices.path] : [path];
  let seen = contentsOf(followed);
  let waiting: NodeJS.Timeout | null = null;

  const look = (): void => {
    const contents = contentsOf(followed);
    if (contents === seen) return;
    seen = contents;
    const read = readText(path);
    const result = "text" in read ? readAgain(read.text, path, options) : { problems: [gone(path, read.fault)] };
    if ("problems" in result) {
      onBad(result.problems);
      return;
    }
    const { prices } = result.config;
    const follow = prices === null ? [path] : [path, prices.path];
    // Another prices file: it is compared from here on, beginning with one more look at what it says by now.
    if (follow.join("\0") !== followed.join("\0")) {
      followed = follow;
      seen = "";
      soon();
    }
    onGood(result.config);
  };
  const soon = (): void => {
    if (waiting !== null) clearTimeout(waiting);
    waiting = setTimeout(look, debounce);
    waiting.unref();
  };
  const watchers = [...new Set(followed.map((file) => dirname(file)))].map((directory) => watchDirectory(directory, soon));
  const timer = setInterval(() => {
    if (contentsOf(followed) !== seen) soon();
  }, poll);
  timer.unref();
  return {
    close() {
      for (const watcher of watchers) watcher?.close();
      clearInterval(timer);
      if (waiting !== null) clearTimeout(waiting);
    },
  };
}
