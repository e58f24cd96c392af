/**
 * Virtual time. Every sleep, timer and I/O completion of a simulated world is an event here, taken one at a time, so
 * that one seed is one order. An event belongs to a process (or to the world outside, 0); a process that is killed is
 * never heard of again: what it waited for does not come.
 */

/** Owner of the events that no crash ends. */
export const OUTSIDE = 0;

interface Event {
  readonly at: number;
  readonly order: number;
  readonly owner: number;
  readonly run: () => void;
  cancelled: boolean;
}

export interface Scheduler {
  /** Monotonic virtual milliseconds. */
  readonly now: number;
  /** Events taken so far. */
  readonly steps: number;
  /** Runs something after `ms`; answers how to call it off. */
  after(ms: number, owner: number, run: () => void): () => void;
  kill(owner: number): void;
  /** Takes events until `done` says so, time is `until`, or nothing is left. `checked` runs after each. */
  run(options: { readonly until: number; readonly done: () => boolean; readonly checked: () => void }): Promise<void>;
}

/** The real one, kept before any simulation replaces it. */
const realSetImmediate = globalThis.setImmediate;
/** Events between two turns of the machine's own event loop, so that whoever else lives in it is heard. */
const TURN_EVERY = 4_096;

/** When all that an event set off has settled: Node runs a tick only once no promise has anything left to do. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function turn(): Promise<void> {
  return new Promise((resolve) => realSetImmediate(resolve));
}

function before(left: Event, right: Event): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

/** A binary heap, the next event first. */
function openQueue() {
  const heap: Event[] = [];

  function swap(left: number, right: number): void {
    const kept = heap[left] as Event;
    heap[left] = heap[right] as Event;
    heap[right] = kept;
  }

  return {
    peek: (): Event | undefined => heap[0],
    push(event: Event): void {
      heap.push(event);
      let index = heap.length - 1;
      while (index > 0) {
        const parent = (index - 1) >> 1;
        if (!before(heap[index] as Event, heap[parent] as Event)) return;
        swap(index, parent);
        index = parent;
      }
    },
    pop(): Event | undefined {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined || heap.length === 0) return first;
      heap[0] = last;
      let index = 0;
      for (;;) {
        let least = index;
        for (const child of [2 * index + 1, 2 * index + 2]) {
          if (child < heap.length && before(heap[child] as Event, heap[least] as Event)) least = child;
        }
        if (least === index) return first;
        swap(index, least);
        index = least;
      }
    },
  };
}

export function openScheduler(): Scheduler {
  const queue = openQueue();
  const dead = new Set<number>();
  let now = 0;
  let order = 0;
  let steps = 0;
  return {
    get now() {
      return now;
    },
    get steps() {
      return steps;
    },
    after(ms, owner, run) {
      const event: Event = { at: now + Math.max(0, ms), order: order++, owner, run, cancelled: dead.has(owner) };
      if (!event.cancelled) queue.push(event);
      return () => {
        event.cancelled = true;
      };
    },
    kill(owner) {
      if (owner !== OUTSIDE) dead.add(owner);
    },
    async run({ until, done, checked }) {
      while (!done()) {
        const next = queue.peek();
        if (next === undefined || next.at > until) break;
        queue.pop();
        if (next.cancelled || dead.has(next.owner)) continue;
        now = next.at;
        steps += 1;
        next.run();
        await (steps % TURN_EVERY === 0 ? turn() : settled());
        checked();
      }
      if (!done() && until !== Number.POSITIVE_INFINITY) now = Math.max(now, until);
    },
  };
}

/** A promise that is kept after `ms` unless its owner is dead by then. */
export function later(scheduler: Scheduler, owner: number, ms: number): Promise<void> {
  return new Promise((resolve) => {
    scheduler.after(ms, owner, resolve);
  });
}

/**
 * Puts virtual timers in the place of the machine's, for code that asks the machine for them (the journal's sweep, the
 * road's renewal, the log's next batch). `owner` is the process that runs now. Answers how to put the machine's back.
 */
export function replaceTimers(scheduler: Scheduler, owner: () => number): () => void {
  const machine = {
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    setImmediate: globalThis.setImmediate,
  };

  function setInterval(run: () => void, ms: number) {
    const of = owner();
    let stop = scheduler.after(ms, of, tick);
    function tick(): void {
      stop = scheduler.after(ms, of, tick);
      run();
    }
    return { unref() {}, stop: () => stop() };
  }

  Object.assign(globalThis, {
    setInterval,
    clearInterval: (timer: { stop(): void } | undefined) => timer?.stop(),
    setImmediate: (run: () => void) => scheduler.after(0, owner(), run),
  });
  return () => void Object.assign(globalThis, machine);
}
