import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HEAD_BYTES_MAX, InvalidReply, type ReplyHead } from "./reply-head.js";
import { openReplyParser } from "./reply-parser.js";

interface Read {
  readonly head: ReplyHead | null;
  readonly body: string;
  readonly ended: boolean;
  /** Bytes that came behind the reply. */
  readonly surplus: number;
  readonly refused: boolean;
}

/** Reads a reply that comes in pieces and is followed by the end of the connection. */
function readPieces(pieces: readonly Buffer[]): Read {
  let head: ReplyHead | null = null;
  let body = "";
  let ends = 0;
  const parser = openReplyParser({
    head: (read) => {
      expect([head, body, ends]).toEqual([null, "", 0]);
      head = read;
    },
    body: (piece) => {
      expect([head === null, ends, piece.length > 0]).toEqual([false, 0, true]);
      body += Buffer.from(piece).toString("latin1");
    },
    end: () => {
      ends++;
    },
  });
  let surplus = 0;
  let refused = false;
  try {
    for (const piece of pieces) {
      // The bytes are only lent: what is kept of them must be a copy.
      const lent = Buffer.from(piece);
      surplus += ends > 0 ? lent.length : lent.length - parser.take(lent);
      lent.fill(0);
    }
    if (ends === 0) parser.finish();
  } catch (error) {
    if (!(error instanceof InvalidReply)) throw error;
    refused = true;
  }
  expect(ends).toBeLessThanOrEqual(1);
  return { head, body, ended: ends === 1, surplus, refused };
}

const whole = (text: string): Read => readPieces([Buffer.from(text, "latin1")]);
const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

const VALID: Readonly<Record<string, { text: string; body: string; keeps: boolean; status?: number; surplus?: number }>> = {
  "a body with a length": { text: `${OK}content-length: 5\r\n\r\nhello`, body: "hello", keeps: true },
  "an empty body with a length": { text: `${OK}Content-Length: 0\r\n\r\n`, body: "", keeps: true },
  "blanks and tabs around values": { text: `${OK}content-length:\t 5 \t\r\n\r\nhello`, body: "hello", keeps: true },
  chunks: { text: `${CHUNKED}3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n`, body: "abc0123456789", keeps: true },
  "chunks with extensions": { text: `${CHUNKED}3;a=b\r\nabc\r\n1 ;c="d\t;"\r\nd\r\n0;e\r\n\r\n`, body: "abcd", keeps: true },
  "chunks with a trailer": { text: `${CHUNKED}3\r\nabc\r\n0\r\nx-cost: 1\r\ny:\r\n\r\n`, body: "abc", keeps: true },
  "chunks in capitals": {
    text: `${OK}Transfer-Encoding: Chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n`,
    body: "01234567890",
    keeps: true,
  },
  "a body until the end of the connection": { text: `${OK}\r\nuntil the end`, body: "until the end", keeps: false },
  "HTTP/1.0": { text: "HTTP/1.0 200 OK\r\n\r\nold", body: "old", keeps: false },
  "HTTP/1.0 that keeps the connection": {
    text: "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 3\r\n\r\nold",
    body: "old",
    keeps: true,
  },
  "a connection that is closed": { text: `${OK}connection: foo, Close\r\ncontent-length: 2\r\n\r\nhi`, body: "hi", keeps: false },
  "no reason": { text: "HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nhi", body: "hi", keeps: true },
  "an empty reason": { text: "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nhi", body: "hi", keeps: true },
  "bytes beyond ASCII in reason and value": {
    text: `HTTP/1.1 200 \xe9\r\na: \xff\r\ncontent-length: 2\r\n\r\nhi`,
    body: "hi",
    keeps: true,
  },
  "a length where there is no body": {
    text: "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
    body: "",
    keeps: true,
    status: 304,
  },
  "no content": { text: "HTTP/1.1 204 No Content\r\n\r\n", body: "", keeps: true, status: 204 },
  "interim replies": {
    text: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${OK}content-length: 2\r\n\r\nhi`,
    body: "hi",
    keeps: true,
  },
  "something behind the reply": { text: `${OK}content-length: 2\r\n\r\nhi${OK}`, body: "hi", keeps: true, surplus: OK.length },
};

const INVALID: Readonly<Record<string, string>> = {
  "what is no HTTP": "SSH-2.0-OpenSSH_9.6\r\n",
  "another version": "HTTP/1.2 200 OK\r\ncontent-length: 0\r\n\r\n",
  "HTTP/2's preface": "HTTP/2 200\r\n\r\n",
  "a status of two digits": "HTTP/1.1 20 OK\r\n\r\n",
  "a status that begins with 0": "HTTP/1.1 020 OK\r\n\r\n",
  "two blanks before the status": "HTTP/1.1  200 OK\r\n\r\n",
  "a folded header": `${OK}a: b\r\n c\r\ncontent-length: 0\r\n\r\n`,
  "a blank before the colon": `${OK}content-length : 0\r\n\r\n`,
  "a header without a name": `${OK}: 0\r\n\r\n`,
  "a line without a colon": `${OK}nonsense\r\n\r\n`,
  "lines that end with LF alone": "HTTP/1.1 200 OK\ncontent-length: 0\n\n",
  "one line that ends with LF alone": `${OK}a: b\ncontent-length: 0\r\n\r\n`,
  "a CR inside a value": `${OK}a: b\rc\r\ncontent-length: 0\r\n\r\n`,
  "NUL inside a value": `${OK}a: b\0c\r\ncontent-length: 0\r\n\r\n`,
  "two lengths": `${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nab`,
  "one length twice": `${OK}content-length: 2\r\ncontent-length: 2\r\n\r\nab`,
  "a list of lengths": `${OK}content-length: 2, 2\r\n\r\nab`,
  "a signed length": `${OK}content-length: +2\r\n\r\nab`,
  "a negative length": `${OK}content-length: -2\r\n\r\nab`,
  "a hexadecimal length": `${OK}content-length: 0x2\r\n\r\nab`,
  "an empty length": `${OK}content-length:\r\n\r\nab`,
  "a length with what only looks like a blank": `${OK}content-length: \xa02\r\n\r\nab`,
  "a length beyond all numbers": `${OK}content-length: 99999999999999999999\r\n\r\nab`,
  "length and chunks": `${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
  "a coding that is not chunked": `${OK}transfer-encoding: xchunked\r\n\r\n`,
  "a list of codings": `${OK}transfer-encoding: gzip, chunked\r\n\r\n`,
  "chunked twice": `${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  "chunks in HTTP/1.0": "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
  "another protocol": "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n",
  "interim replies for ever": "HTTP/1.1 100 Continue\r\n\r\n".repeat(17),
  "a chunk without a size": `${CHUNKED}\r\nabc\r\n0\r\n\r\n`,
  "a chunk's size that is no number": `${CHUNKED}3g\r\nabc\r\n0\r\n\r\n`,
  "a chunk's size with 0x": `${CHUNKED}0x3\r\nabc\r\n0\r\n\r\n`,
  "a signed chunk's size": `${CHUNKED}-3\r\nabc\r\n0\r\n\r\n`,
  "a chunk's size of 13 digits": `${CHUNKED}1000000000000\r\nabc`,
  "a chunk shorter than its size": `${CHUNKED}4\r\nabc\r\n0\r\n\r\n`,
  "a chunk longer than its size": `${CHUNKED}2\r\nabc\r\n0\r\n\r\n`,
  "a size line that ends with LF alone": `${CHUNKED}3\nabc\r\n0\r\n\r\n`,
  "a chunk that ends with LF alone": `${CHUNKED}3\r\nabc\n0\r\n\r\n`,
  "a control character in an extension": `${CHUNKED}3;a\0\r\nabc\r\n0\r\n\r\n`,
  "an extension without end": `${CHUNKED}3;${"a".repeat(5_000)}`,
  "a trailer that is no header": `${CHUNKED}0\r\nnonsense\r\n\r\n`,
  "a trailer without end": `${CHUNKED}0\r\n${`a: ${"b".repeat(1_000)}\r\n`.repeat(17)}`,
  "a head that is too long": `${OK}${`a: ${"b".repeat(1_000)}\r\n`.repeat(17)}\r\n`,
  "a head of too many lines": `${OK}${"a:\r\n".repeat(257)}\r\n`,
};

/** A connection that ends here has not told where the reply ends. */
const BROKEN: Readonly<Record<string, string>> = {
  nothing: "",
  "half a head": "HTTP/1.1 200 OK\r\ncontent-ty",
  "half a body": `${OK}content-length: 5\r\n\r\nhel`,
  "half a chunk": `${CHUNKED}5\r\nhel`,
  "no last chunk": `${CHUNKED}3\r\nabc\r\n`,
  "half a trailer": `${CHUNKED}0\r\na: b\r\n`,
  "an interim reply alone": "HTTP/1.1 100 Continue\r\n\r\n",
};

describe("a reply is read", () => {
  test.each(Object.entries(VALID))("%s", (_, { text, body, keeps, status = 200, surplus = 0 }) => {
    const read = whole(text);
    expect(read).toMatchObject({ body, ended: true, refused: false, surplus });
    expect([read.head?.status, read.head?.keeps]).toEqual([status, keeps]);
  });
  test.each(Object.entries(INVALID))("it is refused for %s", (_, text) => {
    expect(whole(text)).toMatchObject({ ended: false, refused: true });
  });
  test.each(Object.entries(BROKEN))("it has not ended with %s", (_, text) => {
    expect(whole(text)).toMatchObject({ ended: false, refused: false });
  });
});

test("names come in lower case, values as they are, and the server's word on idle connections in milliseconds", () => {
  const read = whole(`${OK}X-Request-ID: Req_1\r\nKeep-Alive: max=100, timeout=7\r\ncontent-length: 0\r\n\r\n`);
  expect(read.head?.headers).toEqual(["x-request-id", "Req_1", "keep-alive", "max=100, timeout=7", "content-length", "0"]);
  expect(read.head?.keep_ms).toBe(7_000);
});

test("a head of just the bytes that are allowed is read, one byte more is not", () => {
  const filled = (bytes: number): string => {
    const frame = `${OK}content-length: 0\r\na: \r\n\r\n`.length;
    return `${OK}content-length: 0\r\na: ${"b".repeat(bytes - frame)}\r\n\r\n`;
  };
  expect(whole(filled(HEAD_BYTES_MAX))).toMatchObject({ ended: true, refused: false });
  expect(whole(filled(HEAD_BYTES_MAX + 1))).toMatchObject({ ended: false, refused: true });
});

const ALL = [...Object.values(VALID).map(({ text }) => text), ...Object.values(INVALID), ...Object.values(BROKEN)].map((text) =>
  Buffer.from(text, "latin1"),
);

/** What must not depend on the pieces. A reply that is refused may be so before more of it has come. */
function told(read: Read): unknown {
  const { head, body, ended, refused } = read;
  return { head, body, ended, refused };
}

test("every reply reads the same cut in two at every byte, and byte by byte", () => {
  let cuts = 0;
  for (const bytes of ALL) {
    const expected = told(readPieces([bytes]));
    const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    expect(told(readPieces(single)), bytes.toString("latin1").slice(0, 200)).toEqual(expected);
    const stride = bytes.length > 2_000 ? 97 : 1;
    for (let at = 0; at <= bytes.length; at += stride, cuts++)
      expect(told(readPieces([bytes.subarray(0, at), bytes.subarray(at)])), `cut at ${at}`).toEqual(expected);
  }
  expect(cuts).toBeGreaterThan(3_000);
});

test("every reply reads the same in any pieces", () => {
  const seed = Date.now();
  console.log(`reply pieces: seed ${seed}`);
  fc.assert(
    fc.property(fc.constantFrom(...ALL), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (bytes, sizes) => {
      const pieces: Buffer[] = [];
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const size = sizes[n % sizes.length] as number;
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      expect(told(readPieces(pieces))).toEqual(told(readPieces([bytes])));
    }),
    { seed, numRuns: 1_500 },
  );
});

test("whatever bytes come, they are read or refused, and a parser holds no more than its bounds", () => {
  const seed = Date.now();
  console.log(`reply noise: seed ${seed}`);
  const outcomes = { ended: 0, refused: 0, waits: 0 };
  // A valid reply with some of its bytes replaced, taken out or doubled is what is nearest to being misread.
  const mutated = fc
    .tuple(
      fc.constantFrom(...ALL),
      fc.array(
        fc.tuple(fc.nat(), fc.constantFrom("set", "cut", "double"), fc.constantFrom(0, 10, 13, 32, 44, 48, 58, 59, 97, 255)),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
    )
    .map(([bytes, edits]) => {
      const edited = [...bytes];
      for (const [where, edit, byte] of edits) {
        const at = where % Math.max(1, edited.length);
        if (edit === "set") edited[at] = byte;
        else if (edit === "cut") edited.splice(at, 1);
        else edited.splice(at, 0, edited[at] ?? byte);
      }
      return Buffer.from(edited);
    });
  fc.assert(
    fc.property(mutated, fc.integer({ min: 1, max: 64 }), (bytes, size) => {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
      const read = readPieces(pieces);
      expect(told(read)).toEqual(told(readPieces([bytes])));
      outcomes[read.ended ? "ended" : read.refused ? "refused" : "waits"]++;
    }),
    { seed, numRuns: 2_000 },
  );
  expect(Math.min(...Object.values(outcomes)), JSON.stringify(outcomes)).toBeGreaterThan(20);
});
