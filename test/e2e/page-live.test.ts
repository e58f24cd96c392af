// The page of a whole running Bursar in a real browser: calls by the official client appear by themselves.
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunningBursar, type RunningBursar, sim } from "./running-bursar.js";

const CHROMIUM = "/usr/bin/chromium";
const HOSTILE = "<img src=x onerror=alert(1)>";
const chat = { model: "gpt-4o", messages: [{ role: "user" as const, content: "Hello" }] };
/** Pictures of the page for whoever wants to look: BURSAR_SCREENSHOTS names another folder. */
const PICTURES = process.env.BURSAR_SCREENSHOTS ?? join(tmpdir(), "bursar-page");

let browser: Browser;
let at: RunningBursar;

beforeAll(async () => {
  if (!existsSync(CHROMIUM)) throw new Error("Chromium is missing: sudo apt-get install -y chromium");
  mkdirSync(PICTURES, { recursive: true });
  const quiet = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu", ...quiet] });
  at = await openRunningBursar(`budgets:
  - { name: org-month, limit: { usd: 20 }, window: month }
  - { name: agent-day, per: [agent], limit: { tokens: 200k }, window: day }
  - { name: task-cap, per: [task], limit: { usd: 0.02 } }`);
}, 60_000);
afterAll(async () => {
  await browser.close();
  await at.close();
});

/** Opens the page and gathers what it or the browser complains of: errors, policy violations, dialogs, foreign requests. */
async function visit(options: { width: number; scheme?: "light" | "dark" }): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({
    viewport: { width: options.width, height: 900 },
    colorScheme: options.scheme ?? "light",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
    if (!response.url().startsWith(at.url)) complaints.push(`foreign: ${response.url()}`);
  });
  await page.goto(`${at.url}/`);
  return { page, complaints };
}

async function spend(agent: string, task: string, output: number): Promise<void> {
  const headers = {
    "x-bursar-agent": agent,
    "x-bursar-task": task,
    ...sim({ "input-tokens": 400, "output-tokens": output }).headers,
  };
  await at.openai().chat.completions.create({ ...chat, max_tokens: Math.max(output, 1) }, { headers });
}

test("calls, refusals and budgets appear while one looks, and a hostile agent's name is inert", async () => {
  const { page, complaints } = await visit({ width: 1280 });
  await page.getByText("Live", { exact: true }).waitFor();
  await spend("research-bot", "t-1", 900);
  await page.locator("#agents").getByText("research-bot").waitFor({ timeout: 5_000 });
  await spend(HOSTILE, "t-2", 500);
  await page.locator("#agents").getByText(HOSTILE).waitFor({ timeout: 5_000 });
  await expect(spend("support-bot", "t-1", 1500)).rejects.toMatchObject({ status: 402 });
  await page.locator("#calls").getByText('Budget "task-cap"', { exact: false }).first().waitFor({ timeout: 5_000 });
  const stream = await at
    .openai()
    .chat.completions.create({ ...chat, stream: true }, sim({ "output-tokens": 300, "tokens-per-second": 400 }));
  await page.locator("#calls").getByText("pending").first().waitFor({ timeout: 5_000 });
  for await (const chunk of stream) expect(chunk.id).toBeTruthy();
  await page.locator("#calls").getByText("pending").waitFor({ state: "detached", timeout: 5_000 });
  expect(await page.locator("img").count()).toBe(0);
  const status = await at.ask<{ global: { calls: number; refused: number } }>("/status");
  expect(status.global).toMatchObject({ calls: 3, refused: 1 });
  const totals = await page.locator("#totals").textContent();
  expect(totals).toMatch(/Calls3/);
  expect(totals).toMatch(/Refused1/);
  await page.screenshot({ path: join(PICTURES, "wide-light.png"), fullPage: true });
  expect(complaints).toEqual([]);
});

test.each([
  [360, "light"],
  [360, "dark"],
  [1280, "dark"],
] as const)("at %i px in %s nothing scrolls sideways and nothing is complained of", async (width, scheme) => {
  const { page, complaints } = await visit({ width, scheme });
  await page.locator("#agents").getByText("research-bot").waitFor({ timeout: 5_000 });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
  await page.screenshot({ path: join(PICTURES, `${width}-${scheme}.png`), fullPage: true });
  expect(complaints).toEqual([]);
});

test("everything that can be used is reached by keyboard, visibly", async () => {
  const { page, complaints } = await visit({ width: 1280 });
  await page.locator("#agents").getByText("research-bot").waitFor({ timeout: 5_000 });
  const usable = Number(
    await page.evaluate(
      "[...document.querySelectorAll('a[href], button, input, summary')].filter((one) => one.checkVisibility()).length",
    ),
  );
  const reached: string[] = [];
  for (let step = 0; step < usable + 12; step++) {
    await page.keyboard.press("Tab");
    const seen = (await page.evaluate(
      "(() => { const at = document.activeElement; if (at === document.body) return null; const style = getComputedStyle(at); return [at.tagName, at.id || at.textContent, style.outlineStyle].join('|'); })()",
    )) as string | null;
    if (seen === null) break;
    reached.push(seen);
  }
  expect(new Set(reached).size).toBeGreaterThanOrEqual(usable);
  expect(reached.filter((one) => one.endsWith("|none"))).toEqual([]);
  expect(complaints).toEqual([]);
});

test("the policy allows nothing inline and nothing from elsewhere", async () => {
  const answer = await fetch(`${at.url}/`);
  const policy = answer.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain("unsafe");
  const { page } = await visit({ width: 1280 });
  const ran = await page.evaluate(
    "new Promise((done) => { document.addEventListener('securitypolicyviolation', () => done('blocked')); const one = document.createElement('script'); one.textContent = 'window.hacked = 1'; document.body.append(one); setTimeout(() => done(String(window.hacked)), 1000); })",
  );
  expect(ran).toBe("blocked");
});
