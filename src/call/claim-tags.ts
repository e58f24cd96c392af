/**
 * Tags of a call, from every place that carries some. Money path: fails closed — a tag that cannot be read is refused; of
 * `baggage`, which tracing fills for everybody, what is no tag or one too many is left out.
 */
import { BursarError } from "../accounting/errors.js";
import { baggageOf, type ClaimHeaders, HELICONE_PROPERTY, membersOf } from "./claim-headers.js";
import { readName } from "./name.js";

/** Most tags of a call. */
const TAGS_MAX = 32;

/** Metadata headers of other gateways: https://portkey.ai/docs/product/observability/metadata and
 * https://developers.cloudflare.com/ai-gateway/observability/custom-metadata/ (read November 2026). */
const METADATA_HEADERS = ["cf-aig-metadata", "x-portkey-metadata"] as const;

/** Portkey's name for the user; no tag. */
const PORTKEY_USER = "_user";

/** Members of baggage that say something else than a tag. */
const NO_TAG: ReadonlySet<string> = new Set(["gen_ai.agent.name", "gen_ai.conversation.id"]);

function metadataIn(headers: ClaimHeaders, header: string): ReadonlyMap<string, string> {
  const text = headers[header];
  if (text === undefined || text.trim() === "") return new Map();
  const members = membersOf(text);
  if (members !== null) return members;
  throw new BursarError("invalid_request", `${header} takes a JSON object of at most 8192 characters.`, { parameter: header });
}

/** The user that `x-portkey-metadata` names, or undefined. Throws `invalid_request`. */
export function portkeyUser(headers: ClaimHeaders): string | undefined {
  const user = metadataIn(headers, "x-portkey-metadata").get(PORTKEY_USER);
  return user === undefined || user.trim() === "" ? undefined : readName(user, "x-portkey-metadata _user");
}

function listedTags(text: string): [string, string][] {
  const pairs = text.split(",").filter((pair) => pair.trim() !== "");
  return pairs.map((pair) => {
    const equals = pair.indexOf("=");
    return equals < 0 ? [pair, "true"] : [pair.slice(0, equals), pair.slice(equals + 1)];
  });
}

/** Tags that were meant as such, later ones before earlier ones. */
function* meantTags(headers: ClaimHeaders, body: Readonly<Record<string, string>>): Generator<readonly [string, string]> {
  yield* Object.entries(body);
  for (const header of METADATA_HEADERS) {
    for (const [name, value] of metadataIn(headers, header)) {
      if (value.trim() !== "" && !(header === "x-portkey-metadata" && name === PORTKEY_USER)) yield [name, value];
    }
  }
  yield* listedTags(headers["x-litellm-tags"] ?? "");
  yield* listedTags(headers["x-bursar-tags"] ?? "");
  for (const [header, value] of Object.entries(headers)) {
    if (header.startsWith(HELICONE_PROPERTY)) yield [header.slice(HELICONE_PROPERTY.length), value];
  }
}

function fromBaggage(headers: ClaimHeaders, tags: Record<string, string>): void {
  let room = TAGS_MAX - Object.keys(tags).length;
  for (const [name, value] of baggageOf(headers)) {
    if (room <= 0) return;
    if (NO_TAG.has(name) || name in tags) continue;
    try {
      tags[readName(name, "tag")] = readName(value, `tag ${name}`);
      room -= 1;
    } catch (error) {
      if (!(error instanceof BursarError)) throw error;
    }
  }
}

/** Is there any place that could carry a tag? Most calls have none, and need no more than this look. */
function carriesTags(headers: ClaimHeaders, body: Readonly<Record<string, string>>): boolean {
  if (headers.baggage !== undefined || headers["x-bursar-tags"] !== undefined || headers["x-litellm-tags"] !== undefined)
    return true;
  if (METADATA_HEADERS.some((header) => headers[header] !== undefined) || Object.keys(body).length > 0) return true;
  for (const header in headers) if (header.startsWith(HELICONE_PROPERTY)) return true;
  return false;
}

/** All tags of a call; undefined when it has none. Throws `invalid_request` on one that cannot be read and on more than 32. */
export function claimedTags(
  headers: ClaimHeaders,
  body: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  if (!carriesTags(headers, body)) return undefined;
  const tags: Record<string, string> = Object.create(null) as Record<string, string>;
  let count = 0;
  for (const [rawName, rawValue] of meantTags(headers, body)) {
    const name = readName(rawName, "tag");
    if (!(name in tags) && ++count > TAGS_MAX)
      throw new BursarError("invalid_request", `The call has more than ${TAGS_MAX} tags; at most ${TAGS_MAX} are accepted.`);
    tags[name] = readName(rawValue, `tag ${name}`);
  }
  fromBaggage(headers, tags);
  return Object.keys(tags).length > 0 ? tags : undefined;
}
