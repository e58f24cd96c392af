/** What a key may use. Money path: fails closed — what no glob of the key names is refused. */
import { matchesGlob, matchesModel } from "../accounting/budget/scope.js";
import { BursarError } from "../accounting/errors.js";
import type { KeyIdentity } from "./identify.js";
import type { DialectName, Upstream } from "./needs.js";

/** What a key's `routes` name: the wire formats, and the list of models. */
export type RouteName = DialectName | "models";

/** May the key use this canonical model? */
export function mayUseModel(key: KeyIdentity, canonical: string): boolean {
  return key.models === undefined || key.models.some((glob) => matchesModel(glob, canonical));
}

/** Refuses a model that the key may not use. Throws BursarError `model_not_allowed`. */
export function refuseModel(key: KeyIdentity, canonical: string): void {
  if (mayUseModel(key, canonical)) return;
  const allowed = key.models?.join(", ") ?? "";
  throw new BursarError("model_not_allowed", `The key "${key.name}" may use ${allowed}, not ${canonical}.`);
}

/** Refuses a route that the key may not use. Throws BursarError `route_not_allowed`. */
export function refuseRoute(key: KeyIdentity, route: RouteName): void {
  const { name, routes } = key;
  if (routes === undefined || routes.some((glob) => matchesGlob(glob, route))) return;
  const message = `The key "${name}" may use the routes ${routes.join(", ")}, not ${route}. Add it to the key's routes.`;
  throw new BursarError("route_not_allowed", message, { key: name, route });
}

/** Does the client bring a credential of its own? */
export function bringsCredentials(credentials: Readonly<Record<string, string>> | undefined): boolean {
  for (const _ in credentials) return true;
  return false;
}

/** Refuses a call that brings no credential to a provider that only has its clients' own. Throws BursarError `unauthorized`. */
export function refuseWithoutCredentials(upstream: Upstream, credentials: Readonly<Record<string, string>> | undefined): void {
  if (upstream.needs_credentials !== true || bringsCredentials(credentials)) return;
  const message =
    `The provider "${upstream.name}" takes its clients' own credentials (passthrough) and this call brings none. Send Bursar's ` +
    `key as x-bursar-key and the provider's own as Authorization: Bearer … or x-api-key, or set providers.${upstream.name}.api_key.`;
  throw new BursarError("unauthorized", message, { provider: upstream.name });
}

/** Refuses a call that asks to be sent to several providers at once: only one of them would be admitted. Throws BursarError `not_built`. */
export function refuseHedging(headers: Readonly<Record<string, string>>): void {
  const asked = headers["x-bursar-hedge"];
  if (asked === undefined || asked.trim().toLowerCase() === "off") return;
  throw new BursarError(
    "not_built",
    "Hedged calls are not served. Leave out x-bursar-hedge; fallbacks: in bursar.yaml tries models in turn.",
  );
}
