/** How to reach one running etcd. */
export interface Endpoint {
  /** `https://HOST:PORT`, or `http://` without TLS. */
  readonly url: string;
  /** Unix socket that leads there: the near end of a tunnel. @default the host of `url` is reached itself */
  readonly socketPath?: string;
  /** Port of 127.0.0.1 that leads there: the near end of a forward. @default the host of `url` is reached itself */
  readonly localPort?: number;
  /** PEM texts; all of them for mTLS, the CA alone where the server asks for no certificate. */
  readonly tls?: { readonly ca: string; readonly certificate?: string; readonly key?: string };
  /** For a store with authentication on. */
  readonly username?: string;
  readonly password?: string;
}
