import { isIPv6 } from "node:net";
import * as pulumi from "@pulumi/pulumi";
import { shellLine } from "../machine/shell/quote";

/** `https://HOST:PORT` of an etcd at an IP address. */
export function clientUrl(address: string, port: number): string {
  return `https://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/**
 * A command line, ready to paste, that asks an etcd; the files of the client lie in the folder given.
 * @param endpoints one URL, or those of all members with commas between them
 */
export function etcdctlCommand(
  program: pulumi.Input<string>,
  endpoints: pulumi.Input<string>,
  clientDirectory: pulumi.Input<string>,
): pulumi.Output<string> {
  return pulumi
    .all([program, endpoints, clientDirectory])
    .apply(([etcdctl, urls, files]) =>
      shellLine(
        etcdctl,
        `--endpoints=${urls}`,
        `--cacert=${files}/ca.crt`,
        `--cert=${files}/client.crt`,
        `--key=${files}/client.key`,
      ),
    );
}
