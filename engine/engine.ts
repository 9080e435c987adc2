/** What can be done with the Pulumi program of this project; two engines can do it. */

/** Where the program is and what it is run with. */
export interface EngineOptions {
  /** Folder that holds `Pulumi.yaml` and the program. */
  readonly projectDir: string;
  /** Stack name; its settings are read from `Pulumi.<stack>.yaml`, as `pulumi` does. */
  readonly stack: string;
  /** The file with the stack's settings. @default `Pulumi.<stack>.yaml` beside `Pulumi.yaml` */
  readonly stackFile?: string;
  /** Folder for state, sockets and locks of this engine; made with mode 0700 if absent. */
  readonly workDir: string;
  /** Settings that go over those of the stack file, `etcd-restore:snapshot` and the like. */
  readonly config?: Readonly<Record<string, string>>;
  /** Ends the run in good order: what runs is stopped, what was made is kept in the state. */
  readonly signal?: AbortSignal;
  /**
   * How progress is shown on stderr: a live tree (plain lines where stderr is no terminal), plain lines, or nothing.
   * @default "tree"
   */
  readonly progress?: "tree" | "lines" | "none";
  /**
   * Makes one line of a text of unknown origin safe to look at (a name with control characters in it).
   * @default it is shown as it is
   */
  readonly visible?: (line: string) => string;
  /**
   * Spares the start of a process for each command of the program that it knows. Only the embedded engine asks it.
   * @default every command is a process of its own
   */
  readonly runHere?: RunHere | undefined;
  /**
   * Starts the program for a run. Only the embedded engine asks it.
   * @default a process of its own for each run, as Pulumi has it
   */
  readonly startProgram?: StartProgram | undefined;
}

/** What the program is told of one run. */
export interface ProgramRun {
  /** Folder of the program, and its file there. */
  readonly programDir: string;
  readonly entry: string;
  /** Folder of `Pulumi.yaml`. */
  readonly projectDir: string;
  readonly organization: string;
  readonly project: string;
  readonly stack: string;
  /** Where the engine listens for it. */
  readonly address: string;
  /** Most resources at one time. */
  readonly parallel: number;
  readonly preview: boolean;
  /** Settings by full name. */
  readonly config: Readonly<Record<string, string>>;
  readonly secretKeys: readonly string[];
  /** What this run has in its environment, beside what this process has. */
  readonly environment: Readonly<NodeJS.ProcessEnv>;
}

/** The program at its work. */
export interface RunningProgram {
  /** Leader of its process group; undefined when no process could be started. */
  readonly pid: number | undefined;
  /** `exit status 0`, `signal SIGTERM`; rejects when no process could be started. */
  readonly ending: Promise<string>;
}

/** Starts the program; `onLine` gets what it prints. */
export type StartProgram = (run: ProgramRun, onLine: (line: string) => void) => RunningProgram;

/** What a command is given, and what it says while it runs. */
export interface GivenToCommand {
  readonly stdin: string;
  readonly signal: AbortSignal;
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
}

/** How a command ended. */
export interface CommandResult {
  /** `exit status 3` or `signal SIGKILL`; absent when it ended well. */
  readonly failure?: string;
  /** Absent when a signal ended it. */
  readonly exitStatus?: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Does the work of a command line in this process; undefined for one that it does not know. */
export type RunHere = (
  commandLine: string,
  given: GivenToCommand,
) => Promise<CommandResult> | undefined;

/** One thing that went wrong. Never holds a secret. */
export interface Failure {
  /** URN of the resource that failed; absent when the program itself refused to go on. */
  readonly urn?: string;
  /** What went wrong, as the resource or the program said it. */
  readonly message: string;
  /** Why, as far as the engine knows; absent, a resource or the program said no more than the message. */
  readonly kind?: FailureKind;
  /** Of the command that failed, where it ended by itself. */
  readonly exitStatus?: number;
}

/**
 * `settings`: the stack's settings or the given backup are wrong; `not ready`: the computer or the cloud is; `engine`: it
 * could not do its work; `interrupted`: by the signal.
 */
export type FailureKind = "settings" | "not ready" | "engine" | "interrupted";

/**
 * How often each step was taken, by Pulumi's names. Components and the stack itself count, as they do there; made-up
 * providers do not.
 */
export type ChangeSummary = Readonly<
  Partial<Record<"create" | "update" | "replace" | "delete" | "same", number>>
>;

export interface EngineResult {
  /** Whether everything asked for was done. */
  readonly ok: boolean;
  readonly changes: ChangeSummary;
  /** Empty when `ok`. Progress has shown them already, unless it is `none`. */
  readonly failures: readonly Failure[];
  /** Wall time in seconds. */
  readonly seconds: number;
}

/** A stack output; `secret` ones are never to be printed. */
export interface OutputValue {
  readonly value: unknown;
  readonly secret: boolean;
}

/** Runs the unchanged Pulumi program. Each call throws only for what is no result of the program: a locked stack, a broken state file, a missing CLI. */
export interface Engine {
  /** Name and version for the one line that says who runs the program. */
  readonly description: string;
  preview(): Promise<EngineResult>;
  up(): Promise<EngineResult>;
  /** Deletes everything that the stack holds and then the stack itself; a stack without resources is no error. */
  destroy(): Promise<EngineResult>;
  /** Outputs of the last `up`; empty when there is no stack. */
  outputs(): Promise<Readonly<Record<string, OutputValue>>>;
}
