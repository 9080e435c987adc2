/**
 * The folder in which drills keep what is theirs, and the mark of each that says whose it is.
 *
 * A drill has a folder of its own there, named like it: state, data, temporary files, all of it. `drill.json` in it is written
 * before anything else is made and goes last, so that whatever is left of a killed drill is found. The drill touches it every
 * few seconds: whoever cannot see the process (another container, another computer on the same volume) goes by that.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import * as z from "zod";
import { identityOf, isRunning } from "../../engine/embedded/processes";
import { EXIT, UserError } from "../outcome";
import { messageOfError } from "../errors";
import { homeDirectory } from "../project";
import { deadlineOf } from "./names";
import { removeShortFolder, useTemporaryFolder } from "./temporary-folder";

const MARK = "drill.json";
const HEARTBEAT_MS = 5_000;
/** So long after its last sign of life a drill whose process cannot be seen counts as dead. */
const SILENCE_MS = 60_000;

const markSchema = z.object({
  schemaVersion: z.literal(1),
  name: z.string(),
  target: z.enum(["local", "openstack"]),
  engine: z.enum(["auto", "pulumi", "embedded"]),
  /** Settings of its stack, by full name; a secret one never. */
  config: z.record(z.string(), z.string()),
  startedAt: z.iso.datetime(),
  /** What was given as the backup. */
  source: z.string(),
  /** The process, and where its number counts: boot and namespace. */
  process: z.object({ pid: z.int(), startTime: z.string(), where: z.string() }),
  /** Until when what it made is kept on purpose; absent as long as it runs. */
  keptUntil: z.iso.datetime().optional(),
});
export type DrillMark = Readonly<z.infer<typeof markSchema>>;

/** A drill's folder. */
export interface DrillPlace {
  readonly directory: string;
  /** Says that what was made is kept, and until when. */
  keep(until: Date): void;
  /** Takes the folder away, the mark last. */
  remove(): void;
  /** The signs of life end, and so does the use of its temporary folder. */
  close(): void;
}

/** Where drills keep what is theirs: a flag, `ETCD_RESTORE_HOME`, or `.drills` in the home. */
export function drillsHome(given?: string): string {
  const { ETCD_RESTORE_HOME = "" } = process.env;
  if (given !== undefined) return path.resolve(given);
  return ETCD_RESTORE_HOME === ""
    ? path.join(homeDirectory(), ".drills")
    : path.resolve(ETCD_RESTORE_HOME);
}

/**
 * Makes a drill's folder and marks it; temporary files go there from now on.
 * @throws UserError when nothing can be written there
 */
export function openPlace(
  home: string,
  mark: Omit<DrillMark, "schemaVersion" | "process">,
): DrillPlace {
  const directory = path.join(home, mark.name);
  const file = path.join(directory, MARK);
  const self = identityOf(process.pid);
  if (self === undefined) throw new Error("cannot tell the start time of this very process");
  let content: DrillMark = { schemaVersion: 1, ...mark, process: { ...self, where: whereWeAre() } };
  let useUsual: () => void;
  try {
    fs.mkdirSync(home, { recursive: true, mode: 0o700 });
    fs.mkdirSync(directory, { mode: 0o700 });
    write(file, content);
    useUsual = useTemporaryFolder(directory, mark.target);
  } catch (error) {
    throw new UserError(
      EXIT.environment,
      `a drill needs one folder to write to, and ${home} is none (${messageOfError(error)}); name another with --home or ETCD_RESTORE_HOME`,
    );
  }
  const heartbeat = setInterval(() => {
    touch(file);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return {
    directory,
    keep: (until) => {
      content = { ...content, keptUntil: until.toISOString() };
      write(file, content);
    },
    remove: () => {
      removePlace(directory);
    },
    close: () => {
      clearInterval(heartbeat);
      useUsual();
    },
  };
}

/** Takes a drill's folder away, the mark last: what is cut off here can be done again. */
export function removePlace(directory: string): void {
  removeShortFolder(directory);
  for (const name of fs.readdirSync(directory)) {
    if (name !== MARK) fs.rmSync(path.join(directory, name), { recursive: true, force: true });
  }
  fs.rmSync(directory, { recursive: true, force: true });
}

/** What a drill's folder says of it. */
export interface FoundDrill {
  readonly directory: string;
  readonly name: string;
  /** Undefined where the mark is missing or damaged: killed before it was written, or in the last moment. */
  readonly mark: DrillMark | undefined;
  readonly state: "running" | "kept" | "expired" | "left";
}

/** Every drill that has a folder in a home, by name. */
export function findDrills(home: string, now = new Date()): readonly FoundDrill[] {
  if (!fs.existsSync(home)) return [];
  return fs
    .readdirSync(home, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && deadlineOf(entry.name) !== undefined)
    .map(({ name }) => {
      const directory = path.join(home, name);
      const mark = readMark(path.join(directory, MARK), name);
      return { directory, name, mark, state: stateOf(directory, mark, now) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function stateOf(directory: string, mark: DrillMark | undefined, now: Date): FoundDrill["state"] {
  if (mark === undefined) {
    // It may be in the middle of writing it.
    return now.getTime() - mtimeOf(directory) < SILENCE_MS ? "running" : "left";
  }
  if (mark.keptUntil !== undefined) return new Date(mark.keptUntil) > now ? "kept" : "expired";
  if (mark.process.where === whereWeAre()) return isRunning(mark.process) ? "running" : "left";
  const silence = now.getTime() - mtimeOf(path.join(directory, MARK));
  return silence < SILENCE_MS ? "running" : "left";
}

function readMark(file: string, name: string): DrillMark | undefined {
  try {
    const mark = markSchema.parse(JSON.parse(fs.readFileSync(file, "utf8")));
    return mark.name === name ? mark : undefined;
  } catch {
    return undefined;
  }
}

function write(file: string, mark: DrillMark): void {
  fs.writeFileSync(`${file}.new`, JSON.stringify(mark), { mode: 0o600, flush: true });
  fs.renameSync(`${file}.new`, file);
}

function touch(file: string): void {
  const now = new Date();
  try {
    fs.utimesSync(file, now, now);
  } catch {
    // Taken away already.
  }
}

function mtimeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Boot and namespace in which numbers of processes count: elsewhere the same number is another process. */
function whereWeAre(): string {
  try {
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${fs.readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return "";
  }
}
