/** What a key may use. Money path: fails closed — what no glob of the key names is refused. */
import { matchesGlob, matchesModel } from "../accounting/budget/scope.js";
import { BursarError } from "../accounting/errors.js";
import type { KeyIdentity } from "./identify.js";
import type { DialectName } from "./needs.js";

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
