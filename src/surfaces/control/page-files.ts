import { readFileSync } from "node:fs";

/** One file of the page at `/`. */
export interface PageFile {
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

/** Nothing from elsewhere, nothing inline, in no frame. */
export const PAGE_POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FILES = [
  { path: "/", file: "page.html", type: "text/html; charset=utf-8" },
  { path: "/page.css", file: "page.css", type: "text/css; charset=utf-8" },
  { path: "/icon.svg", file: "icon.svg", type: "image/svg+xml" },
  { path: "/page.js", file: "page.js", type: "text/javascript; charset=utf-8" },
] as const;

/** Reads the page's files, once, when the control plane opens. */
export function readPage(): readonly PageFile[] {
  return FILES.map(({ path, file, type }) => ({ path, type, body: readFileSync(new URL(`./${file}`, import.meta.url), "utf8") }));
}
