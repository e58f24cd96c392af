// Drives one client through one door and shows what the table of docs/reference/clients.md says. Every check is a test of
// its own; a row is compared with the page only when all of its checks ran.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ClientUse, type Heard, type OpenedClient, purposeOf } from "./client-use.js";
import { type Check, rowsOfPage, rowsShown, type Verdict, writeRows } from "./clients-page.js";
import { type Door, type DoorKind, openDoor, type Way } from "./door.js";

/** Longer than every budget here, at a pace at which a client can leave and a gateway can cut in the middle. */
const LONG = { "output-tokens": 12_000, "tokens-per-second": 3_000, fault: "ignore-cap=12000" };
const HANG_MS = 20_000;
/** A stream is cut while at least so many tokens are unspent. */
const CUT_MARGIN_TOKENS = 256;

const listening = () => ({ signal: new AbortController().signal, heard: (): void => undefined });

/** What the provider billed and what was posted while `work` ran; both are of settled calls. */
async function spentBy<T>(door: Door, work: () => Promise<T>) {
  const before = { bill: await door.bill(), posted: await door.posted() };
  const value = await work();
  await door.settled();
  // The provider notices that it was left a moment after the ledger settled.
  const running = async (): Promise<number> => (await door.bill()).by_call.filter((line) => line.ended === "running").length;
  await expect.poll(running, { timeout: 5_000 }).toBe(0);
  const after = { bill: await door.bill(), posted: await door.posted() };
  return {
    value,
    lines: after.bill.by_call.slice(before.bill.calls),
    billed: BigInt(after.bill.nano_usd) - BigInt(before.bill.nano_usd),
    posted: after.posted - before.posted,
  };
}

async function showAnswer(door: Door, use: ClientUse, work: (client: OpenedClient) => Promise<Heard>): Promise<void> {
  const untold = use.usageUntold === true;
  const client = use.open(door, purposeOf("roomy", "answer", untold ? {} : { "input-tokens": 200, "output-tokens": 30 }));
  const { value, lines, billed, posted } = await spentBy(door, () => work(client));
  expect(value.text).toMatch(/\w+/);
  expect(lines).toHaveLength(1);
  expect(billed).toBeGreaterThan(0n);
  if (untold) {
    // Bursar's own count stands in; how far it bears is shown in embedding-bound.test.ts.
    expect(posted).toBeGreaterThanOrEqual(billed);
    return;
  }
  expect([value.usage.input, value.usage.output]).toEqual([lines[0]?.input, lines[0]?.output]);
  expect(posted).toBe(billed);
}

async function showStream(door: Door, use: ClientUse): Promise<void> {
  let pieces = 0;
  const heard = (): void => {
    pieces += 1;
  };
  const added = use.addsToStream?.tokens ?? 0;
  await showAnswer(door, use, async (client) => {
    const whole = await client.stream?.({ ...listening(), heard });
    if (whole === undefined) throw new Error("This client has no streams.");
    return { ...whole, usage: { ...whole.usage, output: whole.usage.output - added } };
  });
  expect(pieces).toBeGreaterThan(1);
}

/** The words that a programmer sees first when a call throws. */
async function thrownBy(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    // Some clients show the whole error body: its quotes are escaped there.
    return (error as Error).message.replaceAll("\\", "");
  }
  throw new Error("nothing was thrown");
}

async function showRefusal(door: Door, use: ClientUse): Promise<void> {
  await door.tries("spent");
  const client = use.open(door, purposeOf("spent", "one"));
  const stream = client.stream;
  const works = [() => client.answer(), ...(stream === undefined ? [] : [() => stream(listening())])];
  for (const work of works) {
    const { value, lines } = await spentBy(door, () => thrownBy(work));
    expect(value).toContain('"spent" allows $0.000000001');
    expect(value).toContain("bursar budget raise spent");
    expect(lines).toEqual([]);
    expect(await door.tries("spent")).toBe(1);
  }
}

async function showAbort(door: Door, use: ClientUse): Promise<void> {
  const leave = new AbortController();
  const client = use.open(door, purposeOf("roomy", "abort", { "output-tokens": 6000, "tokens-per-second": 1500 }));
  let text = "";
  const heard = (more: string): void => {
    text += more;
    if (text.length > 40) leave.abort();
  };
  // Some clients throw when their programmer leaves, others just end; both are an end.
  const read = client.stream?.({ signal: leave.signal, heard }).then(
    () => "ended",
    (error: unknown) => (error instanceof Error ? "threw" : "threw what is no error"),
  );
  const { value, lines, billed, posted } = await spentBy(door, async () => read);
  expect(["ended", "threw"]).toContain(value);
  expect(text.length).toBeGreaterThan(40);
  expect(lines.map((line) => line.ended)).toEqual(["left"]);
  expect(posted).toBeGreaterThanOrEqual(billed);
}

/** What a cut answer leaves: nothing held, and less than the margin at which a stream is cut. */
async function spentToTheEnd(door: Door, task: string): Promise<void> {
  const { left, held } = (await door.leftOf(task)) ?? {};
  expect(held).toBe("0");
  expect(Number(left)).toBeLessThan(CUT_MARGIN_TOKENS);
}

async function showCut(door: Door, use: ClientUse): Promise<void> {
  const client = use.open(door, purposeOf("tight", "cut", LONG));
  let text = "";
  const heard = (more: string): void => {
    text += more;
  };
  const { value, lines } = await spentBy(door, async () => client.stream?.({ ...listening(), heard }));
  expect(value?.finish).toBe(use.cutFinish);
  expect(text.length).toBeGreaterThan(1000);
  expect(lines.map((line) => line.ended)).toEqual(["left"]);
  await spentToTheEnd(door, "cut");
}

async function showToolCut(door: Door, use: ClientUse): Promise<void> {
  const client = use.open(door, purposeOf("tight", "tool-cut", { ...LONG, "tool-call": "get_weather" }));
  const { lines } = await spentBy(door, async () =>
    client.streamedTools?.(listening()).catch((error: unknown) => {
      // Half of a tool's arguments is no JSON; a client may say so, in its own words.
      expect((error as Error).message).toMatch(/JSON|pars|length/i);
    }),
  );
  expect(lines.map((line) => line.ended)).toEqual(["left"]);
  await spentToTheEnd(door, "tool-cut");
}

async function showTools(door: Door, use: ClientUse): Promise<void> {
  const steer = { "tool-call": "get_weather" };
  const client = use.open(door, purposeOf("roomy", "tools", steer));
  const { streamedTools } = client;
  const works = [() => client.tools?.(), ...(streamedTools === undefined ? [] : [() => streamedTools(listening())])];
  for (const work of works) {
    const { value, billed, posted } = await spentBy(door, async () => work());
    expect(value).toEqual({ city: expect.any(String) });
    expect(posted).toBe(billed);
  }
}

async function showObjects(door: Door, use: ClientUse): Promise<void> {
  const client = use.open(door, purposeOf("roomy", "objects"));
  expect(client.objects?.length).toBeGreaterThan(0);
  for (const work of client.objects ?? []) {
    const { value, lines, billed, posted } = await spentBy(door, work);
    expect(value).toEqual({ city: expect.any(String) });
    expect(lines).toHaveLength(1);
    expect(posted).toBe(billed);
  }
}

type Shown = readonly [Check, string, (door: Door) => Promise<void>];

/** The checks that fit what this client has. */
function checksOf(use: ClientUse, { stream, tools, streamedTools, objects }: OpenedClient): readonly Shown[] {
  const cuts = use.cutFinish !== undefined;
  const all: readonly (Shown | false)[] = [
    [
      "answer",
      "answers, and the usage it shows is what was billed and posted",
      (door) => showAnswer(door, use, (client) => client.answer()),
    ],
    stream !== undefined && [
      "stream",
      "streams, and the usage it shows is what was billed and posted",
      (door) => showStream(door, use),
    ],
    tools !== undefined && ["tools", "calls a tool with arguments that fit its schema", (door) => showTools(door, use)],
    ["refusal", "is refused in exactly one request, and its programmer sees how to lift it", (door) => showRefusal(door, use)],
    stream !== undefined &&
      use.leavingPresumed !== true && [
        "abort",
        "is settled at no less than was produced when its programmer leaves",
        (door) => showAbort(door, use),
      ],
    stream !== undefined &&
      cuts && ["cut", "ends as at its cap when the money is gone in the middle", (door) => showCut(door, use)],
    streamedTools !== undefined &&
      cuts &&
      use.toolsArriveWhole !== true && [
        "tool cut",
        "survives a cut in the middle of a tool's arguments",
        (door) => showToolCut(door, use),
      ],
    // Last: the more small prompts Bursar has learned from, the more input it holds, and the less of a budget a cut can spend.
    objects !== undefined && ["objects", "gets objects that fit a schema", (door) => showObjects(door, use)],
  ];
  return all.filter((one) => one !== false);
}

/** Only to see what a client can do; nothing is sent. */
const NOWHERE: Way = {
  kind: "gateway",
  url: () => "http://127.0.0.1:9",
  key: "none",
  simulatorUrl: "http://127.0.0.1:9",
  fetch: globalThis.fetch,
  wrap: (client) => client,
  bursar: null,
};

function showThrough(use: ClientUse, kind: DoorKind, verdicts: Verdict[]): void {
  describe(`${use.client} (${use.route}), ${kind}`, () => {
    const opened: { door?: Door } = {};
    const door = (): Door => opened.door as Door;
    beforeAll(async () => {
      opened.door = await openDoor(kind);
    });
    afterEach(() => door().settled());
    afterAll(() => opened.door?.close());
    const client = use.open(NOWHERE, purposeOf("roomy", "sample"));
    for (const [check, name, work] of checksOf(use, client)) {
      test(name, { timeout: HANG_MS }, async () => {
        await work(door());
        verdicts.push({ client: use.client, route: use.route, door: kind, shown: check });
      });
    }
    for (const [name, work] of Object.entries(use.also ?? {})) {
      test(`also: ${name}`, { timeout: HANG_MS }, async () => {
        await work(door());
        verdicts.push({ client: use.client, route: use.route, door: kind, shown: { also: name } });
      });
    }
  });
}

/** Declares the tests of these clients, and one that compares their rows with docs/reference/clients.md. */
export function showClients(uses: readonly ClientUse[]): void {
  const verdicts: Verdict[] = [];
  for (const use of uses) for (const kind of use.doors) showThrough(use, kind, verdicts);
  test("docs/reference/clients.md says what was shown, no more and no less", () => {
    const shown = rowsShown(uses, verdicts);
    if (process.env.UPDATE === "1") writeRows(shown);
    const page = rowsOfPage();
    expect([...shown.keys()].map((key) => page.get(key))).toEqual([...shown.values()]);
  });
}
