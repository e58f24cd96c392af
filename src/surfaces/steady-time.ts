/**
 * The time everybody uses: the wall clock's, as far as time that cannot be set confirms it. Money path: fails closed — a
 * jump ahead that nothing confirms opens no window and frees no Idempotency-Key.
 */

/** What a machine tells of time, in milliseconds. */
export interface Machine {
  /** Epoch ms; anybody may set it. */
  wall(): number;
  /** Never set. On Linux it stands still while the machine is suspended. */
  monotonic(): number;
  /** Since the machine was started, suspended time included; null where the system does not tell. */
  uptime(): number | null;
}

/** Steps of less are followed: the corrections of NTP, a leap second. */
const STEP_MAX_MS = 60_000;
/** A wall clock that kept step for so long after a jump is believed; monotonic, so that somebody can have read the warning. */
const BELIEVED_AFTER_MS = 3_600_000;
/** While a jump is held back, boot time is asked no more often than this: it is a file to read. */
const ASKED_EVERY_MS = 1_000;

const isoOf = (at: number): string => (Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : String(at));

/** What is said of a jump that is held back, and the way out. */
function warning(wall: number, steady: number): string {
  const minutes = Math.round((wall - steady) / 60_000);
  return (
    `The wall clock jumped ${minutes} minutes ahead, to ${isoOf(wall)}, and neither monotonic nor boot time confirms it. ` +
    `Budget windows and Idempotency-Keys go on from ${isoOf(steady)}. If the clock is wrong, set it right. If it is right, ` +
    "restart Bursar to believe it now; it is believed by itself once it has kept step for an hour."
  );
}

/**
 * Opens the time over a machine's clocks, believing the wall clock as it is now. Going back is followed, as are steps of
 * less than a minute an hour; what is further ahead is held back and told once an hour at most. The three numbers that are
 * kept are offsets: wall time less time that has passed for certain, which stands still while the clocks keep step.
 */
export function openSteadyTime(machine: Machine, tell?: (line: string) => void): () => number {
  const asleepBefore = (machine.uptime() ?? 0) - machine.monotonic();
  let asleep = 0;
  let askAgainAt = 0;
  let believed = machine.wall() - machine.monotonic();
  let followed = believed;
  /** The offset that may come to be believed, and since when it stands. */
  let kept = believed;
  let keptSince = machine.monotonic();
  let toldAt = Number.NEGATIVE_INFINITY;

  /** Time that has passed for certain; asks for suspended time where the wall clock is ahead of what is known. */
  function passedBy(wall: number): number {
    const monotonic = machine.monotonic();
    if (wall - monotonic - asleep - believed > STEP_MAX_MS && monotonic >= askAgainAt) {
      askAgainAt = monotonic + ASKED_EVERY_MS;
      const uptime = machine.uptime();
      if (uptime !== null) asleep = Math.max(asleep, uptime - monotonic - asleepBefore);
    }
    return monotonic + asleep;
  }

  return () => {
    const wall = machine.wall();
    const passed = passedBy(wall);
    const offset = wall - passed;
    const awake = passed - asleep;
    if (Math.abs(offset - kept) > STEP_MAX_MS) {
      kept = offset;
      keptSince = awake;
    } else if (awake - keptSince >= BELIEVED_AFTER_MS) {
      believed = offset;
      kept = offset;
      keptSince = awake;
    }
    if (offset - believed <= STEP_MAX_MS) {
      followed = offset;
      return wall;
    }
    // It goes on from where it was followed to; set right from behind, it comes back to what was believed.
    followed = Math.max(followed, believed);
    const steady = Math.floor(passed + followed);
    if (passed - toldAt >= BELIEVED_AFTER_MS) {
      toldAt = passed;
      tell?.(warning(wall, steady));
    }
    return steady;
  };
}
