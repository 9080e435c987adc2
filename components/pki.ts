import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Pki as PkiTexts } from "../machine/pki/pki-texts";
import { printedBy } from "./printed";
import { scriptCommand } from "./script";

export interface PkiArgs {
  /** IP addresses at which the server is dialled; they go into its certificate. */
  readonly addresses: pulumi.Input<readonly string[]>;
  /** DNS names at which the server is dialled. @default none */
  readonly dnsNames?: readonly string[];
  /** Folder on this computer that gets `ca.crt`, `client.crt` and `client.key` (mode 0600) for etcdctl. */
  readonly clientDirectory: string;
}

/** Which certificates a set has: a stack with a set of an older program gets a new one. */
const SET = "client, root";

/**
 * The certificates of one etcd, made once and kept as a secret of the stack's state.
 *
 * The CA's own key is thrown away after signing: nobody can ever add a certificate to this etcd. Other addresses
 * or names make a new set.
 *
 * @example
 * ```ts
 * import { Pki } from "etcd-restore";
 *
 * const pki = new Pki("pki", {
 *   addresses: ["127.0.0.1"],
 *   dnsNames: ["localhost"],
 *   clientDirectory: "/var/tmp/lab/client",
 * });
 * export const { caCertificate, clientKey } = pki; // the key is a secret
 * ```
 */
export class Pki extends pulumi.ComponentResource {
  /** All of them; secret. */
  public readonly files: pulumi.Output<PkiTexts>;
  /** PEM, public. */
  public readonly caCertificate: pulumi.Output<string>;
  /** PEM, public. */
  public readonly clientCertificate: pulumi.Output<string>;
  /** PEM, secret. */
  public readonly clientKey: pulumi.Output<string>;
  /** Folder with the client's files; known once they are there. */
  public readonly clientDirectory: pulumi.Output<string>;

  constructor(name: string, args: PkiArgs, opts?: pulumi.ComponentResourceOptions) {
    super("etcd-restore:index:Pki", name, {}, opts);
    const dnsNames = args.dnsNames ?? [];
    const request = pulumi.output(args.addresses).apply((addresses) => ({ addresses, dnsNames }));

    const certificates = new command.local.Command(
      `${name}-certificates`,
      {
        create: scriptCommand("steps/make-pki"),
        stdin: pulumi.jsonStringify(request),
        triggers: [request, SET],
        logging: "none", // its output is the keys, and is printed live even when it is marked secret
      },
      { parent: this, additionalSecretOutputs: ["stdout", "stderr"] },
    );
    this.files = pulumi
      .secret(certificates.stdout)
      .apply((text) => printedBy("make-pki", PkiTexts, text));
    this.caCertificate = pulumi.unsecret(this.files.ca);
    this.clientCertificate = pulumi.unsecret(this.files.client);
    this.clientKey = this.files.clientKey;

    const clientFiles = new command.local.Command(
      `${name}-client-files`,
      {
        create: scriptCommand("steps/client-files", "write", args.clientDirectory),
        delete: scriptCommand("steps/client-files", "remove", args.clientDirectory),
        stdin: pulumi.jsonStringify({
          ca: this.files.ca,
          certificate: this.files.client,
          key: this.files.clientKey,
        }),
        triggers: [args.clientDirectory],
      },
      { parent: this, deleteBeforeReplace: true },
    );
    this.clientDirectory = clientFiles.id.apply(() => args.clientDirectory);

    this.registerOutputs({
      caCertificate: this.caCertificate,
      clientCertificate: this.clientCertificate,
      clientDirectory: this.clientDirectory,
    });
  }
}
