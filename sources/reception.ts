/**
 * Connections whose bytes can come straight into the memory where they are wanted, as many at once as the kernel has. As
 * long as nobody asks for that, they are streams like any other.
 */
import * as http from "node:http";
import * as https from "node:https";
import * as net from "node:net";
import { put, type Sink } from "./sink";

/** As much as Node.js reads of a stream at once. */
const PLAIN_BYTES = 1 << 16;

/** Whoever takes a socket's bytes in its place. Nothing of it throws. */
interface Taker {
  /** Where the next ones go; undefined: they are copied. */
  space(): Uint8Array | undefined;
  /**
   * @param stray where they lie, if that is no space of the taker's
   * @returns false when no more are to come until the socket is resumed
   */
  took(bytes: number, stray: Uint8Array | undefined): boolean;
}

/** Who takes the bytes of a connection; nobody: it is a stream. */
interface Reception {
  taker: Taker | undefined;
}

const receptions = new WeakMap<net.Socket, Reception>();

/** Makes such connections. */
export class ReceivingAgent extends http.Agent {
  override createConnection(...[options, callback]: Parameters<http.Agent["createConnection"]>) {
    return withReception(options, (all) => super.createConnection(all, callback));
  }
}

/** The same over TLS. */
export class SecureReceivingAgent extends https.Agent {
  override createConnection(...[options, callback]: Parameters<https.Agent["createConnection"]>) {
    return withReception(options, (all) => super.createConnection(all, callback));
  }
}

function withReception<Options extends object, Made>(
  options: Options,
  connect: (options: Options) => Made,
): Made {
  const reception: Reception = { taker: undefined };
  const plain = new Uint8Array(PLAIN_BYTES);
  const onread: net.OnReadOpts = {
    buffer: () => reception.taker?.space() ?? plain,
    callback(bytes, buffer) {
      // The space for a read was chosen at the end of the last one.
      const stray = buffer === plain ? plain.subarray(0, bytes) : undefined;
      if (reception.taker !== undefined) return reception.taker.took(bytes, stray);
      // As the socket itself would do: its stream goes to Node's parser of HTTP.
      return stray !== undefined && socket instanceof net.Socket && socket.push(Buffer.from(stray));
    },
  };
  const socket = connect({ ...options, onread });
  if (socket instanceof net.Socket) receptions.set(socket, reception);
  return socket;
}

/**
 * What brings the content of an answer into a sink, in place of its stream. The connection ends with it. Undefined where
 * the content must be read as a stream: it comes through a proxy, or in chunks.
 */
export function receiverOf(
  answer: http.IncomingMessage,
): ((sink: Sink) => Promise<void>) | undefined {
  const { socket, headers } = answer;
  const reception = receptions.get(socket);
  const length = Number(headers["content-length"] ?? NaN);
  const isPlain = Number.isSafeInteger(length) && headers["transfer-encoding"] === undefined;
  if (reception === undefined || !isPlain) return undefined;
  return async (sink) => {
    let failure: Error | undefined;
    answer.on("error", (error) => (failure = error));
    try {
      const left = length - (await takeParsed(answer, sink));
      if (failure !== undefined) throw failure;
      if (left > 0) await takeRest(answer, reception, left, sink);
    } finally {
      reception.taker = undefined;
      answer.destroy();
    }
  };
}

/** What Node's parser has had of the content already. @returns how much that was */
async function takeParsed(answer: http.IncomingMessage, sink: Sink): Promise<number> {
  let taken = 0;
  for (;;) {
    const part = answer.read() as Buffer | null;
    if (part !== null) {
      await put(sink, part);
      taken += part.length;
      // What the socket holds back goes to the parser as it is read.
    } else if (answer.complete || answer.socket.read() === null) return taken;
  }
}

async function takeRest(
  answer: http.IncomingMessage,
  reception: Reception,
  bytes: number,
  sink: Sink,
): Promise<void> {
  const { socket } = answer;
  const rest = createRest(bytes, sink, () => socket.resume());
  reception.taker = rest;
  answer.on("error", rest.fail).on("close", () => {
    rest.fail(new Error("the connection was closed"));
  });
  if (answer.destroyed) rest.fail(new Error("the connection was closed"));
  else socket.resume();
  try {
    await rest.come;
  } finally {
    answer.destroy();
    // What has come goes into the sink now, and not when somebody else brings more into it.
    await rest.idle();
  }
}

interface Rest extends Taker {
  readonly come: Promise<void>;
  /** No more comes. */
  readonly fail: (error: unknown) => void;
  /** Resolves when the sink has what came. */
  readonly idle: () => Promise<void>;
}

/** @param resume wants more, after it was not to come */
function createRest(bytes: number, sink: Sink, resume: () => void): Rest {
  let left = bytes;
  let isWaiting = false;
  /** What still comes is nobody's, and there is no space for it: in an empty one TLS would go round for ever. */
  let isOver = false;
  let waited = Promise.resolve();
  /** What came while it was to wait: TLS gives all that it has decrypted. */
  const early: Buffer[] = [];
  let succeed = (): void => undefined;
  let refuse: (error: unknown) => void = succeed;
  const come = new Promise<void>((resolve, reject) => {
    [succeed, refuse] = [resolve, reject];
  });

  async function wait(waiting: Promise<void> | undefined): Promise<void> {
    isWaiting = true;
    await waiting;
    for (let part = early.shift(); part !== undefined; part = early.shift()) await put(sink, part);
    isWaiting = false;
    if (left === 0) succeed();
    else resume();
  }

  /** @returns what to wait for, or true */
  function took(count: number, stray: Uint8Array | undefined): Promise<void> | true {
    left -= count;
    const space = sink.space();
    if (stray !== undefined && (isWaiting || count > space.length)) {
      early.push(Buffer.from(stray));
      return isWaiting ? waited : wait(undefined);
    }
    if (stray !== undefined) space.set(stray);
    const waiting = sink.took(count);
    return waiting === undefined && left > 0 ? true : wait(waiting);
  }

  function fail(error: unknown): void {
    isOver = true;
    refuse(error instanceof Error ? error : new Error(String(error)));
  }

  return {
    come,
    fail,
    idle: () => waited,
    space: () => (isOver || isWaiting || left === 0 ? undefined : sink.space().subarray(0, left)),
    took(count, stray) {
      if (isOver) return false;
      const part = stray?.subarray(0, left);
      try {
        const next = took(part?.length ?? count, part);
        if (next === true) return true;
        waited = next.catch(fail);
      } catch (error) {
        fail(error);
      }
      return false;
    },
  };
}
