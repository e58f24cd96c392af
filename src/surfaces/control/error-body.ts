import { BursarError, type ErrorDetails } from "../../accounting/errors.js";

/** Body of every error of the control plane. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly details: ErrorDetails };
}

/** A fault as the caller may see it: no stack, no message of a library. */
export function asBursarError(error: unknown): BursarError {
  if (error instanceof BursarError) return error;
  return new BursarError("internal", "Bursar failed; its log has the details.", {}, { cause: error });
}

/** An error as JSON. */
export function errorBody(error: BursarError): ErrorBody {
  return { error: { code: error.code, message: error.message, details: error.details } };
}
