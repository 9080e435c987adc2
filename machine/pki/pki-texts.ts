/** The texts of a set of certificates, as `scripts/steps/make-pki.ts` prints them. Apart from what makes them, which is heavy. */
import * as z from "zod";

/**
 * PEM texts of one etcd: what the server, its peers and its clients show, and the CA that signed all of them.
 *
 * `client` is the user's. `root` is for the proof alone: etcd takes it for the user root where authentication is on.
 */
export const Pki = z.object({
  ca: z.string(),
  server: z.string(),
  serverKey: z.string(),
  peer: z.string(),
  peerKey: z.string(),
  client: z.string(),
  clientKey: z.string(),
  root: z.string(),
  rootKey: z.string(),
});
export type Pki = Readonly<z.infer<typeof Pki>>;
