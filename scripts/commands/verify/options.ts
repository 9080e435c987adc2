/** What `verify` is told, by its flags or by the program that verifies. */
import type { Phase, Report, VerificationLevel } from "../../../etcd/report/report";
import type { EndpointOptions } from "../../endpoint";
import type { GlobalOptions } from "../../options";

export type VerifyOptions = GlobalOptions &
  EndpointOptions & {
    readonly file?: string;
    readonly level: VerificationLevel;
    readonly expect?: readonly string[];
    readonly phase?: readonly Phase[];
    readonly report?: string;
    readonly inUse?: boolean;
    readonly trustedKey?: string;
    readonly encryptionConfig?: string;
    /** The same as text, where it came by stdin. */
    readonly encryptionText?: string | undefined;
    readonly expectCluster?: string;
    /** Which kube-apiserver must come up on a clone of the backup. */
    readonly kubernetes: string;
    readonly life?: boolean;
    readonly kubeApiserver?: string;
    readonly etcdPrograms?: string;
    /** Version that the etcd must be of: `3.6` or `3.6.16`. */
    readonly etcdVersion?: string;
    /** By how much the revision was bumped at the restore. */
    readonly bumped?: number;
    readonly restoredAt?: Date | undefined;
    /** stdin is a JSON object as `Access` says. */
    readonly accessStdin?: boolean;
    /** Folder where the program keeps what it unpacked. */
    readonly unpacked?: string;
    /** Shell commands that start and stop the members, where they may be stopped for a moment. */
    readonly service?: readonly string[];
    /** Where the clone is made. */
    readonly kubernetesOn?: "here" | "machine";
    /** Reboot each machine as well. */
    readonly reboot?: boolean;
    /** Whose endpoint it is, where the program itself verifies; else `--stack` says so. */
    readonly forStack?: string;
  };

/** What a verification reads and tells: of its process, or of whoever does it without one. */
export interface VerifyIo {
  readonly signal: AbortSignal;
  /** @default this process's stdin */
  readonly readStdin?: () => Promise<string>;
  readonly print: (report: Report, options: VerifyOptions) => void;
  readonly say: (line: string) => void;
}
