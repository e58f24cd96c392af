/** The wall clock of the simulated machine, which is set, drifts off and sleeps; and what may be believed of it. */
import type { Random } from "./random.js";
import type { Scheduler } from "./scheduler.js";

/** How far it may run ahead of what is believed and still be followed, and after how long what it says is believed. */
const FOLLOWED_MS = 60_000;
const BELIEVED_AFTER_MS = 3_600_000;
const BEGAN = Date.UTC(2026, 10, 24, 23, 58, 30);

export interface WallClock {
  now(): number;
  /** Virtual milliseconds asleep: they passed, and monotonic time does not know it. */
  slept(): number;
  /** Is set by hand, or sleeps. */
  jump(of: { readonly msMax: number; readonly sleeps: number }): void;
  /** A process starts, and believes it as it is. */
  boot(): void;
  /** No entry may be of a later time: it has not come, whatever the clock says. Worked out apart from the guard that ships. */
  latest(): number;
}

export function openWallClock(scheduler: Scheduler, random: Random): WallClock {
  let offset = BEGAN;
  let slept = 0;
  let believed = BEGAN;
  let bootedAt = 0;
  /** When it was last set by more than is followed. */
  let leaptAt = 0;
  return {
    now: () => Math.floor(offset + scheduler.now),
    slept: () => slept,
    jump({ msMax, sleeps }) {
      if (random.chance(sleeps)) {
        const ms = random.between(0, msMax);
        offset += ms;
        slept += ms;
        return;
      }
      const ms = Math.floor((random.next() * 2 - 1) * msMax);
      offset += ms;
      if (Math.abs(ms) > FOLLOWED_MS) leaptAt = scheduler.now;
    },
    boot() {
      believed = offset - slept;
      bootedAt = scheduler.now;
    },
    latest() {
      const { now } = scheduler;
      if (now - leaptAt >= BELIEVED_AFTER_MS) believed = Math.max(believed, offset - slept);
      const hours = Math.ceil((now - bootedAt) / BELIEVED_AFTER_MS);
      return believed + now + slept + FOLLOWED_MS * (1 + hours);
    },
  };
}
