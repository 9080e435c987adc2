/** How long each wait of the installation may take, in seconds. */
export interface InstallLimits {
  /** From asking the release server until its answer begins. */
  readonly connect: number;
  /** Without a single byte while downloading. */
  readonly stall: number;
  /** The whole download. */
  readonly download: number;
  /** The whole `go build`, module downloads included. */
  readonly build: number;
  /** For another process that is installing the same programs. */
  readonly lock: number;
}

export const LIMITS: InstallLimits = {
  connect: 10,
  stall: 30,
  download: 600,
  build: 1800,
  lock: 2700,
};

/** What every step of an installation is given. */
export interface InstallContext {
  readonly limits: InstallLimits;
  readonly env: NodeJS.ProcessEnv;
  /** Told one line at a time what is going on. */
  readonly log: (line: string) => void;
  /** Ends the step; what it began is removed. */
  readonly signal: AbortSignal | undefined;
}
