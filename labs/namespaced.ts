/** The first process of a lab's namespaces: all that runs in them ends with it, so it is found again and measured. */
import * as fs from "node:fs";

/** It as this computer sees it; a number may come again, number and start time do not. */
export interface FirstProcess {
  readonly pid: number;
  readonly startTime?: string;
}

/** Notes the first process in a file; gives its number. */
export function recordFirst(file: string, pid: number): number {
  fs.writeFileSync(file, JSON.stringify({ pid, startTime: startTimeOf(pid) }));
  return pid;
}

/** Number of the first process that was noted; undefined when it does not run. */
export function findFirst(file: string): number | undefined {
  if (!fs.existsSync(file)) return undefined;
  const { pid, startTime } = JSON.parse(fs.readFileSync(file, "utf8")) as FirstProcess;
  const now = startTimeOf(pid);
  return now !== undefined && now === startTime ? pid : undefined;
}

/** The child of an `unshare --fork`, which is process 1 of the namespaces; undefined before there is one. */
export function childOfUnshare(pid: number): number | undefined {
  // A script that becomes it has had other children before.
  if (read(`/proc/${pid}/comm`).trim() !== "unshare") return undefined;
  const [first] = read(`/proc/${pid}/task/${pid}/children`).trim().split(" ");
  return first === undefined || first === "" ? undefined : Number(first);
}

/** Memory of all that runs beside a first process, in MiB, pages that several share counted once; and how many there are. */
export function memoryOf(pid: number): { readonly mib: number; readonly processes: number } {
  const namespace = (process: string) => linkOf(`/proc/${process}/ns/pid`);
  const here = namespace(`${pid}`);
  // Containers have process namespaces of their own below this one, so their parents are asked, too.
  const mine = new Set<string>();
  const all = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  for (const name of all) if (namespace(name) === here) mine.add(name);
  for (let before = -1; before !== mine.size;) {
    before = mine.size;
    for (const name of all) if (mine.has(parentOf(name))) mine.add(name);
  }
  const kib = [...mine].map((name) =>
    Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${name}/smaps_rollup`))?.[1] ?? 0),
  );
  return { mib: kib.reduce((sum, value) => sum + value, 0) / 1024, processes: mine.size };
}

/** Field 22 of /proc/PID/stat (proc(5)); undefined when there is no such process, or only its remains. */
function startTimeOf(pid: number): string | undefined {
  const fields = statOf(`${pid}`);
  return fields === undefined || fields[0] === "Z" ? undefined : fields[19];
}

function parentOf(pid: string): string {
  return statOf(pid)?.[1] ?? "";
}

/** The fields of /proc/PID/stat after the name, which may hold blanks. */
function statOf(pid: string): readonly string[] | undefined {
  return read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ");
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return ""; // it has just ended
  }
}

function linkOf(file: string): string | undefined {
  try {
    return fs.readlinkSync(file);
  } catch {
    return undefined; // it has just ended
  }
}
