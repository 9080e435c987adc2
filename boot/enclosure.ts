/** A place for a clone, cut off from every network: what may be done in it. On this computer, or on a machine. */

/** What may be done in the place; to be closed. */
export interface Enclosure {
  /** Folder of the clone where its programs run, mode 0700. */
  readonly folder: string;
  /** Folder on this computer, mode 0700, for what this process keeps itself. */
  readonly near: string;
  /** How it is cut off, in words for people. */
  readonly isolation: Isolation;
  /** Makes a folder (mode 0700) in that of the clone; gives back its path. */
  makeFolder(name: string): Promise<string>;
  /** Writes a file (mode 0600) into a folder of the clone. */
  write(file: string, text: string): Promise<void>;
  /** Path there of a file of this computer that the programs are to read, or to run. */
  bring(file: string): Promise<string>;
  /** Gives back the room of a file that was brought, where it took any. */
  release(brought: string): Promise<void>;
  /** Starts a program that stays; its output goes to `NAME.log` in the folder. */
  start(name: string, argv: readonly string[]): Promise<void>;
  /** Runs a program to its end, which must be a good one; rejects with the last lines that it said. */
  run(name: string, argv: readonly string[]): Promise<void>;
  /** Ends a program: SIGTERM, after 30 s SIGKILL. Nothing to do when it does not run. */
  stop(name: string): Promise<void>;
  /** How a program ended; undefined while it runs, or when it never did. */
  ended(name: string): string | undefined;
  /** A free port of the place's loopback. */
  freePort(): Promise<number>;
  /** Path of a Unix socket that leads to a port of the place's loopback. */
  relay(port: number): Promise<string>;
  /** The last lines of a program's output. */
  lastLines(name: string, lines: number): Promise<readonly string[]>;
  /** Ends every program and removes the folder. */
  close(): Promise<void>;
}

export interface Isolation {
  readonly network: "namespace" | "loopback";
  /** Host of the machine that it is on. Absent for this computer. */
  readonly machine?: string;
  /** Why it is not cut off better; absent when it is. */
  readonly reason?: string;
}
