/** What every way to an etcd is given, and how often what breaks off on it is tried again. */
import { EtcdError } from "../etcd/client/etcd-error";
import { BrokenTransfer } from "./in-pod";
import type { Kubectl } from "./kubectl";
import type { ClientTls } from "./port-forward";

/** What every way is given. */
export interface Reaching {
  readonly kubectl: Kubectl;
  readonly signal: AbortSignal;
  /** Image of our own pods. */
  readonly helperImage: string;
  /** The client's certificates, where they were given. @default they are read from the node */
  readonly tls?: ClientTls | undefined;
}

const ATTEMPTS = 3;

export async function persistently<T>(once: () => Promise<T>): Promise<T> {
  for (let number = 1; ; number += 1) {
    try {
      return await once();
    } catch (error) {
      const broken =
        error instanceof BrokenTransfer ||
        (error instanceof EtcdError &&
          (error.kind === "unavailable" || error.kind === "unreachable"));
      if (!broken || number === ATTEMPTS) throw error;
    }
  }
}
