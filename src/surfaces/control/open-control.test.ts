import { afterEach, beforeEach, expect, test } from "vitest";
import { boundKey, openTestDesk, type TestDesk } from "../../../test/desk-fixtures.js";
import { caller, ceiling, hold, post } from "../../../test/ledger-fixtures.js";
import { DESK_TABLE } from "../../desk/table.js";
import { type Control, openControl, PLAIN_ROUTES } from "./open-control.js";

const here = { remote: "127.0.0.1" };
let desk: TestDesk;
let control: Control;
let faults: unknown[];

beforeEach(async () => {
  desk = await openTestDesk();
  faults = [];
  control = open(null);
});

afterEach(async () => {
  control.close();
  await desk.close();
  expect(faults).toEqual([]);
});

function open(adminToken: string | null): Control {
  return openControl({
    table: DESK_TABLE,
    needs: desk.needs,
    auth: { adminToken: () => adminToken, findKey: (token) => (token === "cx-key" ? boundKey : null) },
    fault: (error) => faults.push(error),
  });
}

function ask(path: string, init: RequestInit & { host?: string } = {}, remote: { remote?: string } = here): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("host", init.host ?? "127.0.0.1:4141");
  return control.fetch(new Request(`http://127.0.0.1:4141${path}`, { ...init, headers }), remote);
}

function send(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return ask(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } });
}

async function codeOf(response: Response): Promise<[number, string]> {
  const body = (await response.json()) as { error: { code: string; message: string; details: object } };
  expect(Object.keys(body)).toEqual(["error"]);
  expect(Object.keys(body.error).sort()).toEqual(["code", "details", "message"]);
  return [response.status, body.error.code];
}

test("every route of the app is in the desk's table or in the short list beside it, and the other way round", () => {
  const expected = [
    ...DESK_TABLE.map((command) => `${command.method} /api/v1${command.path}`),
    ...PLAIN_ROUTES.map((route) => `GET ${route.path}`),
  ];
  const routes = new Set(control.routes().map((route) => `${route.method} ${route.path}`));
  expect([...routes].sort()).toEqual([...expected].sort());
});

test("commands answer JSON with money as decimal text, and changes go through POST", async () => {
  await desk.ledger.apply([hold("one", ceiling(1000, 500)), post("one", { input: 900, output: 100 })]);
  const status = await ask("/api/v1/status");
  expect(status.status).toBe(200);
  expect(status.headers.get("cache-control")).toBe("no-store");
  expect(await status.json()).toMatchObject({ global: { total_cost_usd: "0.0011" }, agents: { a: { calls: 1 } } });
  const raised = await send("/api/v1/budgets/day/raise", { amount: "5", reason: "more" });
  expect(await raised.json()).toMatchObject({ limit: "15.00" });
  const shown = await ask("/api/v1/budgets/day");
  expect(await shown.json()).toMatchObject({ limit: "15.00", raises: [{ actor: "local", reason: "more" }] });
  const estimate = await ask("/api/v1/estimate?model=gpt-4o&model=gpt-4o-mini&tokens=4k");
  expect(((await estimate.json()) as { models: unknown[] }).models).toHaveLength(2);
});

test("a preview changes nothing", async () => {
  const response = await send("/api/v1/budgets/day/raise?preview=true", { amount: "5" });
  expect(await response.json()).toEqual({ preview: 'Budget "day" would go from $10.00 to $15.00 for good.' });
  expect(desk.ledger.state().budgets.get("day")?.raises).toEqual([]);
});

test("errors have one shape, with the status of the error table", async () => {
  expect(await codeOf(await ask("/api/v1/nothing"))).toEqual([404, "route_unknown"]);
  expect(await codeOf(await ask("/nothing"))).toEqual([404, "route_unknown"]);
  expect(await codeOf(await ask("/api/v1/budgets/none"))).toEqual([404, "not_found"]);
  expect(await codeOf(await ask("/api/v1/price?model=none-such"))).toEqual([404, "model_unknown"]);
  expect(await codeOf(await ask("/api/v1/calls?limit=0"))).toEqual([400, "invalid_request"]);
  expect(await codeOf(await ask("/api/v1/calls?limit=1&limit=2"))).toEqual([400, "invalid_request"]);
  expect(await codeOf(await ask("/api/v1/calls?colour=red"))).toEqual([400, "invalid_request"]);
  const wrong = await ask("/api/v1/status", { method: "DELETE" });
  expect(wrong.headers.get("allow")).toBe("GET, HEAD");
  expect(await codeOf(wrong)).toEqual([405, "method_not_allowed"]);
  expect(await codeOf(await ask("/api/v1/budgets/day/raise"))).toEqual([405, "method_not_allowed"]);
});

test("bodies must be small JSON objects, said so by their type, with no key twice over", async () => {
  const path = "/api/v1/budgets/day/raise";
  expect(await codeOf(await send(path, { amount: "1", reason: "x".repeat(70_000) }))).toEqual([413, "body_too_large"]);
  expect(await codeOf(await send(path, { amount: "1" }, { "content-type": "text/plain" }))).toEqual([400, "invalid_request"]);
  expect(await codeOf(await send(path, [1]))).toEqual([400, "invalid_request"]);
  expect(await codeOf(await send(path, { amount: "1", name: "other" }))).toEqual([400, "invalid_request"]);
  expect(await codeOf(await send(path, { amount: 5 }))).toEqual([400, "invalid_request"]);
  const headers = { "content-type": "application/json" };
  expect(await codeOf(await ask(path, { method: "POST", body: "{", headers }))).toEqual([400, "invalid_request"]);
  const hostile = '{"amount":"1","__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}';
  expect(await codeOf(await ask(path, { method: "POST", body: hostile, headers }))).toEqual([400, "invalid_request"]);
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
  expect(desk.ledger.state().budgets.get("day")?.raises).toEqual([]);
});

test("a fault of Bursar's own is told to the log and not to the caller", async () => {
  control.close();
  control = openControl({
    table: DESK_TABLE,
    needs: { ...desk.needs, verify: () => Promise.reject(new Error("secret path /etc")) },
    auth: { adminToken: () => null, findKey: () => null },
    fault: (error) => faults.push(error),
  });
  const response = await ask("/api/v1/verify");
  const text = await response.clone().text();
  expect(await codeOf(response)).toEqual([500, "internal"]);
  expect(text).not.toContain("secret path");
  expect(faults.splice(0)).toEqual([expect.objectContaining({ message: "secret path /etc" })]);
});

test("J13: without an admin token, only this machine is served, under its own name, for its own pages", async () => {
  const refused: [RequestInit & { host?: string }, { remote?: string }][] = [
    [{}, { remote: "192.168.1.7" }],
    [{}, {}],
    [{ host: "evil.example:4141" }, here],
    [{ host: "127.0.0.1.evil.example" }, here],
    [{ host: "" }, here],
    [{ headers: { "sec-fetch-site": "cross-site" } }, here],
    [{ headers: { "sec-fetch-site": "same-site" } }, here],
    [{ headers: { origin: "https://evil.example" } }, here],
    [{ headers: { origin: "null" } }, here],
    [{ headers: { "x-forwarded-for": "203.0.113.9" } }, here],
  ];
  for (const [init, remote] of refused)
    expect(await codeOf(await ask("/api/v1/status", init, remote))).toEqual([403, "forbidden"]);
  expect(await codeOf(await ask("/metrics", { host: "evil.example" }))).toEqual([403, "forbidden"]);
  expect(await codeOf(await ask("/api/v1/events", { host: "evil.example" }))).toEqual([403, "forbidden"]);
  for (const host of ["localhost:4141", "127.0.0.1:4141", "[::1]:4141", "localhost"])
    expect((await ask("/api/v1/status", { host })).status).toBe(200);
  for (const remote of ["::1", "::ffff:127.0.0.1", "127.8.9.1"])
    expect((await ask("/api/v1/status", {}, { remote })).status).toBe(200);
  const own = { "sec-fetch-site": "same-origin", origin: "http://127.0.0.1:4141" };
  expect((await ask("/api/v1/status", { headers: own })).status).toBe(200);
});

test("with an admin token nothing is served without it, from wherever it comes", async () => {
  control.close();
  control = open("s3cret-admin-token");
  for (const authorization of [
    "",
    "Bearer wrong",
    "Bearer ",
    "Basic s3cret-admin-token",
    `Bearer ${"x".repeat(5000)}`,
    "Bearer cx-key",
  ]) {
    for (const command of DESK_TABLE) {
      const path = `/api/v1${command.path.replace(/:\w+/g, "x")}`;
      if (command.permission === "self" && authorization === "Bearer cx-key") continue;
      const init = command.method === "POST" ? { body: "{}" } : {};
      const headers = { authorization, "content-type": "application/json" };
      expect(
        await codeOf(await ask(path, { method: command.method, headers, ...init })),
        `${command.name} ${authorization}`,
      ).toEqual([401, "unauthorized"]);
    }
  }
  const right = await ask(
    "/api/v1/status",
    { headers: { authorization: "Bearer s3cret-admin-token" }, host: "bursar.example" },
    { remote: "203.0.113.9" },
  );
  expect(right.status).toBe(200);
  expect((await ask("/metrics")).status).toBe(401);
  expect((await ask("/healthz")).status).toBe(200);
  expect((await ask("/")).status).toBe(200);
});

test("a data-plane key is served its own budgets and nothing else", async () => {
  await desk.ledger.apply([hold("own", ceiling(1000, 0), { attribution: caller({ agent: "support-bot", key: "cx" }) })]);
  for (const headers of [{ authorization: "Bearer cx-key" }, { "x-api-key": "cx-key" }] as Record<string, string>[]) {
    const response = await ask("/api/v1/me", { headers }, { remote: "203.0.113.9" });
    expect(await response.json()).toMatchObject({ key: "cx", agent: "support-bot", budgets: [{ name: "day", held: "0.001" }] });
  }
  expect(await codeOf(await ask("/api/v1/me"))).toEqual([401, "unauthorized"]);
  expect(await codeOf(await ask("/api/v1/me", { headers: { authorization: "Bearer other" } }))).toEqual([401, "unauthorized"]);
});

test("health answers anybody; readiness says why calls are not served", async () => {
  expect(await (await ask("/healthz", {}, {})).json()).toEqual({ ok: true, version: "0.0.0" });
  expect((await ask("/readyz")).status).toBe(200);
  control.close();
  control = openControl({
    table: DESK_TABLE,
    needs: { ...desk.needs, notReady: () => "the ledger cannot be written" },
    auth: { adminToken: () => null, findKey: () => null },
    fault: (error) => faults.push(error),
  });
  const response = await ask("/readyz");
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ ok: false, reason: "the ledger cannot be written" });
});

test("the page comes with a policy that lets nothing in from elsewhere, and has nothing inline", async () => {
  const page = await ask("/");
  expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
  expect(page.headers.get("x-content-type-options")).toBe("nosniff");
  const html = await page.text();
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=|https?:\/\//);
  const script = await (await ask("/page.js")).text();
  expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/);
  expect((await ask("/page.css")).headers.get("content-type")).toContain("text/css");
});
