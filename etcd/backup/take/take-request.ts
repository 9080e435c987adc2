/** The order for a backup, whether it goes into a file or onto a stream. */
import type { ClusterIdentity } from "../../kubernetes/cluster-identity";
import type { ManifestMember, ManifestSource } from "../manifest-form";
import type { Source } from "./source";

/** What is to be backed up, and where to. */
export interface TakeRequest {
  readonly source: Source;
  /** What people call the source; stands in the manifest. */
  readonly from: Pick<ManifestSource, "endpoint" | "pod" | "memberName">;
  /** Absolute path; `.gz` and `.zst` are packed. */
  readonly file: string;
  /** Replaces a backup of that name, when the new one is whole. @default false: it is refused */
  readonly overwrite?: boolean | undefined;
  /** What each member said, where several were asked. */
  readonly members?: readonly ManifestMember[] | undefined;
  /** What is known of the Kubernetes cluster; the rest is read from the snapshot. */
  readonly kubernetes?: Pick<ClusterIdentity, "version" | "cluster"> | undefined;
  /** Private key (ed25519, PEM) that signs the manifest. @default it is not signed */
  readonly signKey?: string | undefined;
  readonly signal?: AbortSignal;
  /** Told of the bytes that came, and of about how many there will be. */
  readonly onProgress?: (bytes: number, ofBytes: number) => void;
}

/** What of it both have. */
export type Receiving = Omit<TakeRequest, "file" | "overwrite">;
