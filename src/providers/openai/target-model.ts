/** The model of a request, wherever it is named. Money path: fails closed — two names are no name. */
import { BursarError } from "../../accounting/errors.js";
import type { RequestTarget } from "../../call/message.js";
import { type Fields, modelField, textField } from "../request-fields.js";

/** The model of the body, or of the path where the body has none (Azure). Throws `invalid_request` where both name one and differ. */
export function targetModel(fields: Fields, target: RequestTarget): string {
  if (target.model === undefined) return modelField(fields);
  const own = textField(fields, "model");
  if (own === null || own === target.model) return modelField({ model: target.model });
  throw new BursarError(
    "invalid_request",
    `The path names the model ${JSON.stringify(target.model.slice(0, 100))} and the body ${JSON.stringify(own.slice(0, 100))}. Name one of them.`,
    { parameter: "model" },
  );
}
