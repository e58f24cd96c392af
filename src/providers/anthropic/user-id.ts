/**
 * Who `metadata.user_id` means. Applications send an opaque id of their own; Claude Code sends three ids in one text, as
 * JSON (`{"device_id","account_uuid","session_id"}`) and before that as `user_HASH_account_UUID_session_UUID`
 * (requests of claude-cli 2.1, read November 2026). Watching path: fails open — what cannot be read names nobody.
 */
import { type Fields, isObject } from "../request-fields.js";

/** Longest id that the API takes: https://platform.claude.com/docs/en/api/messages, `metadata.user_id`, read November 2026. */
const USER_ID_MAX = 256;
/** Longest text that is looked into. */
const LOOKED_INTO_MAX = 4_096;

const JOINED = /^user_([0-9a-z]{1,128})_account_([0-9a-z-]{0,64})_session_([0-9a-z-]{1,64})$/i;

/** The person and the session that a user id names. */
export interface UserAndSession {
  readonly user: string | null;
  readonly session: string | null;
}

const NOBODY: UserAndSession = { user: null, session: null };

function objectIn(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function idIn(fields: Fields, name: string): string | null {
  const value = fields[name];
  return typeof value === "string" && value.trim() !== "" && value.length <= USER_ID_MAX ? value : null;
}

/** Takes a user id apart: the account, else the device, and the session; an opaque id is the user itself. */
export function userAndSession(userId: unknown): UserAndSession {
  if (typeof userId !== "string" || userId.length > LOOKED_INTO_MAX) return NOBODY;
  const joined = JOINED.exec(userId);
  if (joined !== null) {
    const [, device = "", account = "", session = ""] = joined;
    return { user: account === "" ? device : account, session };
  }
  const fields = userId.trimStart().startsWith("{") ? objectIn(userId) : null;
  if (fields !== null) {
    return { user: idIn(fields, "account_uuid") ?? idIn(fields, "device_id"), session: idIn(fields, "session_id") };
  }
  return userId.trim() === "" || userId.length > USER_ID_MAX ? NOBODY : { user: userId, session: null };
}
