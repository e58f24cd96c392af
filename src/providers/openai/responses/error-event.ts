/**
 * An error inside a Responses stream that has begun. Money path: fails closed. The documented `error` event is flat, and
 * the official client hands it out like any other event instead of raising it: `response.failed` follows, which ends the
 * response for every client. Source: https://platform.openai.com/docs/api-reference/responses-streaming/error (read
 * November 2026); `metadata` is Bursar's own addition.
 */
import type { BursarError } from "../../../accounting/errors.js";
import { detailsOf } from "../../refusal-body.js";
import type { Fields } from "../../request-fields.js";
import { eventBytes } from "../../sse.js";
import { openAiErrorFields } from "../refuse.js";
import { emptyResponse } from "./response-object.js";

function named(type: string, fields: Fields): Uint8Array {
  return eventBytes({ event: type, data: JSON.stringify({ type, ...fields }) });
}

/** The two events. Numbers and ids of the stream so far are not known here: it counts from 0, under the call's id. */
export function responsesErrorEvent(error: BursarError, callId: string): Uint8Array {
  const { message, code, param, metadata } = openAiErrorFields(error, detailsOf(error, callId));
  const response = {
    ...emptyResponse({ id: `resp_${callId}`, model: "", status: "failed" }),
    error: { code, message, metadata },
  };
  return Buffer.concat([
    named("error", { sequence_number: 0, code, message, param, metadata }),
    named("response.failed", { sequence_number: 1, response }),
  ]);
}
