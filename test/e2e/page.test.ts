// The page at `/` in a real browser, over a real control plane and the memory ledger.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DESK_TABLE } from "../../src/desk/table.js";
import { openControl } from "../../src/surfaces/control/open-control.js";
import { openTestDesk, type TestDesk } from "../desk-fixtures.js";
import { budget, caller, ceiling, hold, post } from "../ledger-fixtures.js";

const chromiumPath = "/usr/bin/chromium";
const hostile = "<img src=x onerror=alert(1)>";
let browser: Browser;

beforeAll(async () => {
  if (!existsSync(chromiumPath)) throw new Error("Chromium is missing: sudo apt-get install -y chromium");
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
  ];
  browser = await chromium.launch({ executablePath: chromiumPath, args });
}, 60_000);

afterAll(async () => {
  await browser.close();
});

interface Shown {
  readonly desk: TestDesk;
  readonly page: Page;
  /** What the page complained of: errors, dialogs, requests to elsewhere. */
  readonly complaints: string[];
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

async function show(options: { token?: string; width?: number; dark?: boolean } = {}): Promise<Shown> {
  const budgets = [
    budget({ name: "all", limit: 1_000_000_000n, window: { kind: "calendar", unit: "day" } }),
    budget({ name: "agent-day", limit: 1_000_000_000n, per: ["agent"], window: { kind: "calendar", unit: "day" } }),
  ];
  const desk = await openTestDesk({ budgets });
  const auth = { adminToken: () => options.token ?? null, findKey: () => null };
  const complaints: string[] = [];
  const control = openControl({ table: DESK_TABLE, needs: desk.needs, auth, fault: (error) => complaints.push(String(error)) });
  let server: Server = createServer(control.listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const page = await browser.newPage({
    viewport: { width: options.width ?? 1200, height: 800 },
    colorScheme: options.dark ? "dark" : "light",
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog ${dialog.message()}`);
    return dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`http://127.0.0.1:${port}/`)) complaints.push(request.url());
  });
  await page.goto(`http://127.0.0.1:${port}/`);
  const goAway = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    desk,
    page,
    complaints,
    goAway,
    async comeBack() {
      server = createServer(control.listener).listen(port, "127.0.0.1");
      await once(server, "listening");
    },
    async close() {
      await page.close();
      control.close();
      await goAway();
      await desk.close();
    },
  };
}

test("before the first call it shows the line to paste; calls then appear by themselves, hostile names as plain text", async () => {
  const { desk, page, complaints, close } = await show();
  await page.getByText("No call yet. Paste this into a terminal:").waitFor();
  expect(await page.locator("#agents pre").textContent()).toMatch(/^curl http:\/\/127\.0\.0\.1:\d+\/agents\//);
  expect(await page.locator("#simulated").textContent()).toContain("Simulated, at real prices: sim.");
  await desk.ledger.apply([
    hold("one", ceiling(0, 400_000), { attribution: caller({ agent: hostile, task: hostile }) }),
    post("one", { input: 0, output: 400_000 }),
    hold("dear", ceiling(0, 400_000), { attribution: caller({ agent: hostile }) }),
  ]);
  await page.locator("#calls").getByText(`Budget "all" allows $1.00`, { exact: false }).waitFor();
  expect(await page.locator("#agents tbody td").first().textContent()).toBe(hostile);
  expect(await page.locator("#budgets meter").first().getAttribute("aria-label")).toBe("80.0 percent used or held");
  expect(await page.locator("#totals dd").allTextContents()).toEqual(["$0.80", "$0.00", "1", "1", "400,000", "0"]);
  expect(await page.locator("img").count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

test("when the server is gone it says so and keeps the figures, and goes on by itself when it is back", async () => {
  const { desk, page, complaints, goAway, comeBack, close } = await show();
  await desk.ledger.apply([hold("one", ceiling(1000, 0))]);
  await page.locator("#calls").getByText("pending").waitFor();
  await goAway();
  await page.getByText("The server does not answer").waitFor();
  expect(await page.locator("#link").textContent()).toBe("Disconnected");
  expect(await page.locator("#calls").textContent()).toContain("pending");
  await desk.ledger.apply([post("one", { input: 1000, output: 0 })]);
  await comeBack();
  await page.locator("#calls").getByText("posted").waitFor();
  expect(await page.locator("#link").textContent()).toBe("Live");
  expect(await page.locator("#fault").isHidden()).toBe(true);
  expect(complaints).toEqual([]);
  await close();
});

test("with an admin token it asks for it, by keyboard alone, and keeps it to the tab", async () => {
  const { page, complaints, close } = await show({ token: "s3cret" });
  await page.locator("#sign-in").waitFor({ state: "visible" });
  expect(await page.locator("#budgets").textContent()).toBe("");
  await page.keyboard.press("Tab");
  expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the figures");
  await page.keyboard.press("Tab");
  await page.keyboard.type("s3cret");
  await page.keyboard.press("Enter");
  await page.locator("#budgets").getByText("agent-day").or(page.locator("#budgets").getByText("all").first()).first().waitFor();
  expect(await page.locator("#sign-in").isHidden()).toBe(true);
  expect(await page.evaluate("localStorage.length")).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

test.each([
  { width: 360, dark: false },
  { width: 360, dark: true },
  { width: 1200, dark: true },
])("at $width px (dark: $dark) nothing is wider than the window, and text stands out from its ground", async (options) => {
  const { desk, page, complaints, close } = await show(options);
  await desk.ledger.apply([hold("one", ceiling(1000, 0), { attribution: caller({ agent: "a".repeat(200) }) })]);
  await page.locator("#calls").getByText("pending").waitFor();
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(options.width);
  const lightness = (property: string) =>
    page.evaluate(
      `getComputedStyle(document.body).${property}.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765`,
    ) as Promise<number>;
  const [ink, back] = [await lightness("color"), await lightness("backgroundColor")];
  expect(options.dark ? ink - back : back - ink).toBeGreaterThan(0.7);
  expect(complaints).toEqual([]);
  await close();
});
