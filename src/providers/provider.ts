/** What a kind of provider is, and what an open one offers. Money path: fails closed — see http.ts. */

import type { DialectName, Quirks, Upstream, UpstreamRequest } from "../call/needs.js";
import type { ProviderSettings } from "../config/config.js";
import type { SimulatedUpstream } from "./simulated/open-simulated.js";

/** Path below the base URL for a request; may name its model. Built from what was admitted, never from the client's URL. */
export type PathOf = (
  request: Pick<UpstreamRequest, "model" | "stream">,
  settings: Pick<ProviderSettings, "api_version">,
) => string;

/** One kind of provider: everything that differs between them and is not a dialect. */
export interface ProviderKind {
  readonly kind: ProviderSettings["kind"];
  /** Path below the base URL, per dialect that this kind speaks. */
  readonly paths: Readonly<Partial<Record<DialectName, PathOf>>>;
  /** null: the settings have to say it, or there is none. */
  readonly base_url: string | null;
  /** The base URL that `paths` are below, of one as people write it; absent: it is that. */
  readonly base_of?: (url: string) => string;
  readonly key: "required" | "optional" | "none";
  /** Provider under which its models are priced; absent: its own kind. */
  readonly priced_as?: string;
  /** Puts the credential (null without one) and what else every request needs into its headers. */
  readonly authorize: (headers: Record<string, string>, key: string | null) => void;
  /** May a client's header (lower case) pass? Credentials and account selectors never do. */
  readonly headers_allowed: (name: string) => boolean;
  /** May a client's query parameter pass? */
  readonly query_allowed: (name: string) => boolean;
  /** Query parameters that every request needs, from the settings. */
  readonly query_added?: (settings: ProviderSettings) => Readonly<Record<string, string>>;
  readonly quirks?: Quirks;
  /** Is a complete reply with this status free? */
  readonly unbilled: (status: number) => boolean;
  readonly simulated: boolean;
}

/** A provider that is open. */
export interface OpenProvider {
  readonly name: string;
  readonly kind: ProviderSettings["kind"];
  /** Provider under which its models are priced. */
  readonly priced_as: string;
  /** One upstream per dialect it speaks; null where its key is missing. */
  readonly upstreams: ReadonlyMap<DialectName, Upstream | null>;
  readonly free: boolean;
  /** The simulator's bill, when it runs in this process. */
  readonly simulator: SimulatedUpstream | null;
  close(): Promise<void>;
}
