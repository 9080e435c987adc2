/** How everything that is made in a cloud says whose it is, so that what was left behind can be found. */
import * as pulumi from "@pulumi/pulumi";

/** Nova takes no longer tags. */
const LONGEST_TAG = 60;

/** Tags for a network, a port, a server: `etcd-restore` and the stack's name, cut where it is too long for a tag. */
export function ownerTags(): string[] {
  return ["etcd-restore", `stack=${pulumi.getStack()}`.slice(0, LONGEST_TAG)];
}

/** Metadata for a server, a volume: project and stack in full. */
export function ownerMetadata(): Record<string, string> {
  return {
    "managed-by": "etcd-restore",
    "pulumi-project": pulumi.getProject(),
    "pulumi-stack": pulumi.getStack(),
  };
}

/** The same as a sentence, for what has neither tags nor metadata. */
export function ownerDescription(what: string): string {
  return `${what}; made by etcd-restore, stack ${pulumi.getStack()}`;
}

/** A name in the cloud, for what has neither tags nor metadata nor a description; `openstack/tagged.ts` finds it by that. */
export function ownerName(what: string): string {
  return `etcd-restore.${pulumi.getStack()}.${what}`;
}
