/**
 * The signal by which a caller leaves a fetch. Not that of `new Request(input, init)`: a Request holds what raises its
 * signal, and nothing else does (https://github.com/nodejs/undici, lib/web/fetch/request.js: a WeakRef), so once the
 * Request is collected the caller's leaving would be heard by nobody and the call would be billed to its end.
 */
export function openCallersSignals(): (input: Request | URL | string, init: RequestInit | undefined) => AbortSignal {
  /** A Request that a caller made itself lives as long as its signal is listened to. */
  const heldBy = new WeakMap<AbortSignal, Request>();
  return (input, init) => {
    if (init?.signal !== undefined && init.signal !== null) return init.signal;
    if (!(input instanceof Request)) return new AbortController().signal;
    heldBy.set(input.signal, input);
    return input.signal;
  };
}
