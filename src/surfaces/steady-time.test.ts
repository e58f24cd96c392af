import { expect, test } from "vitest";
import { openSteadyTime } from "./steady-time.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function opened(uptime = true) {
  const clocks = { wall: 1_000_000_000, monotonic: 77, uptime: 500_000 };
  const warnings: string[] = [];
  const now = openSteadyTime(
    { wall: () => clocks.wall, monotonic: () => clocks.monotonic, uptime: () => (uptime ? clocks.uptime : null) },
    (line) => warnings.push(line),
  );
  return {
    now,
    warnings,
    /** Time passes, read every `step` of it, while the wall clock runs at `pace`. */
    pass(ms: number, { step = MINUTE, pace = 1 } = {}): void {
      for (let passed = 0; passed < ms; passed += step) {
        clocks.wall += step * pace;
        clocks.monotonic += step;
        clocks.uptime += step;
        now();
      }
    },
    set(ms: number): void {
      clocks.wall += ms;
    },
    sleep(ms: number): void {
      clocks.wall += ms;
      clocks.uptime += ms;
    },
    wall: () => clocks.wall,
  };
}

test("a clock that keeps step is followed to the millisecond, and so are steps of less than a minute", () => {
  const { now, pass, set, wall, warnings } = opened();
  for (const step of [0, 59_000, -59_000, 1, -30_000]) {
    set(step);
    expect(now()).toBe(wall());
    pass(5 * MINUTE);
    expect(now()).toBe(wall());
  }
  expect(warnings).toEqual([]);
});

test("small steps that add up are followed for a minute an hour only", () => {
  const { now, pass, set, wall } = opened();
  const began = now();
  for (let second = 0; second < 600; second++) {
    set(1_000);
    pass(1_000, { step: 1_000 });
  }
  expect(wall() - began).toBe(1_200_000);
  expect(now() - began).toBe(600_000 + MINUTE);
});

test("a clock that runs at twice its pace is not followed by more than a minute, however long", () => {
  const { now, pass } = opened();
  const began = now();
  pass(48 * HOUR, { pace: 2 });
  expect(now() - began).toBeLessThanOrEqual(48 * HOUR + MINUTE);
});

test("what drifts by seconds an hour is followed for ever", () => {
  const { now, pass, wall, warnings } = opened();
  pass(400 * HOUR, { pace: 1.002 });
  expect(now()).toBe(wall());
  expect(warnings).toEqual([]);
});

test("going back is followed, and coming back from there is no jump ahead", () => {
  const { now, pass, set, wall, warnings } = opened();
  set(-40 * 24 * HOUR);
  expect(now()).toBe(wall());
  pass(10 * MINUTE);
  set(40 * 24 * HOUR);
  expect(now()).toBe(wall());
  expect(warnings).toEqual([]);
});

test("back, and then far ahead of where it was: time goes on from what was believed", () => {
  const { now, pass, set } = opened();
  const began = now();
  set(-HOUR);
  pass(10 * MINUTE);
  set(3 * HOUR);
  expect(now()).toBe(began + 10 * MINUTE);
});

test("an hour back is believed as well: being set ahead again is then a jump", () => {
  const { now, pass, set, wall } = opened();
  set(-5 * HOUR);
  pass(2 * HOUR);
  set(5 * HOUR);
  expect(now()).toBe(wall() - 5 * HOUR);
});

test("a jump is believed once it has kept step for an hour; another one in between begins the hour anew", () => {
  const { now, pass, set, wall, warnings } = opened();
  set(9 * HOUR);
  pass(50 * MINUTE);
  set(2 * HOUR);
  pass(50 * MINUTE);
  expect(now()).toBe(wall() - 11 * HOUR);
  pass(11 * MINUTE);
  expect(now()).toBe(wall());
  expect(warnings.length).toBeGreaterThan(0);
  expect(warnings.length).toBeLessThanOrEqual(2);
});

test("an hour asleep is none in which a jump was seen to stand", () => {
  const { now, set, sleep, wall, pass } = opened();
  set(40 * HOUR);
  pass(2_000, { step: 1_000 });
  sleep(9 * HOUR);
  // Boot time is asked once a second at most.
  pass(1_000, { step: 1_000 });
  expect(now()).toBe(wall() - 40 * HOUR);
  pass(61 * MINUTE);
  expect(now()).toBe(wall());
});

test("sleep is confirmed where the system tells its boot time, also when the clock jumps besides; elsewhere it is held back", () => {
  const told = opened();
  told.sleep(8 * HOUR);
  expect(told.now()).toBe(told.wall());
  told.set(40 * HOUR);
  expect(told.now()).toBe(told.wall() - 40 * HOUR);
  told.set(-40 * HOUR);
  told.pass(2_000, { step: 1_000 });
  told.sleep(3 * HOUR);
  expect(told.now()).toBe(told.wall());
  const untold = opened(false);
  untold.sleep(8 * HOUR);
  expect(untold.now()).toBe(untold.wall() - 8 * HOUR);
});
