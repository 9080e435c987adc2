/**
 * `drill FILE` against what it takes by hand: sha256sum, `etcdutl snapshot restore`, starting etcd, and reading every key once
 * with etcdctl, whose output nobody compares. In turn, whole processes, as a user runs them.
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureEtcd } from "../../machine/programs/programs";
import { freePorts } from "../support/ports";
import { measure, median } from "./measure";

export interface DrillFigures {
  readonly fileBytes: number;
  /** Seconds of each run, in the order in which they were made. */
  readonly drill: readonly number[];
  readonly byHand: readonly number[];
}

const PROGRAM = join(__dirname, "..", "..", "scripts", "etcd-restore.cjs");
const RUNS = 3;

/** Everything fails that fails, and the server ends with the script. */
const BY_HAND = `
set -eu
file=$1 data=$2 client=$3 peer=$4 programs=$5
sha256sum "$file" >/dev/null
"$programs/etcdutl" snapshot restore "$file" --data-dir "$data" >/dev/null 2>&1
"$programs/etcd" --data-dir "$data" --listen-client-urls "http://127.0.0.1:$client" \\
  --advertise-client-urls "http://127.0.0.1:$client" --listen-peer-urls "http://127.0.0.1:$peer" \\
  --quota-backend-bytes 8589934592 >/dev/null 2>&1 &
etcd=$!
trap 'kill $etcd; wait $etcd || true; rm -rf "$data"' EXIT
until "$programs/etcdctl" --endpoints "127.0.0.1:$client" endpoint health >/dev/null 2>&1; do sleep 0.1; done
"$programs/etcdctl" --endpoints "127.0.0.1:$client" --command-timeout 10m get --prefix "" >/dev/null
`;

/** Runs the benchmark on a snapshot file. */
export async function benchDrill(file: string): Promise<DrillFigures> {
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-bench-"));
  try {
    const { etcdutl } = await ensureEtcd("3.6");
    const [client = 0, peer = 0] = await freePorts(2);
    const where = [
      file,
      join(directory, "data"),
      String(client),
      String(peer),
      join(etcdutl, ".."),
    ];
    const byHand = ["sh", "-c", BY_HAND, "by-hand", ...where];
    const home = ["--home", join(directory, "home"), "--report", join(directory, "report")];
    const engine = ["--engine", "embedded", "--quiet"];
    const drill = [process.execPath, PROGRAM, "drill", file, ...home, ...engine];
    // Not counted: they warm the disk and the loader's cache.
    await measure(drill);
    await measure(byHand);
    const seconds = { drill: [] as number[], byHand: [] as number[] };
    for (let i = 0; i < RUNS; i++) {
      seconds.drill.push((await measure(drill)).seconds);
      seconds.byHand.push((await measure(byHand)).seconds);
    }
    return { fileBytes: (await stat(file)).size, ...seconds };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The figures as lines of text. */
export function describeDrill({ fileBytes, drill, byHand }: DrillFigures): string {
  const line = (name: string, seconds: readonly number[]) =>
    `${name.padEnd(26)} ${median(seconds).toFixed(2).padStart(6)} s   (${seconds.map((each) => each.toFixed(1)).join(", ")})`;
  return [
    `a drill of ${(fileBytes / 1e6).toFixed(0)} MB: restored, every key compared, restarted and compared, taken away`,
    line("drill (ours)", drill),
    line("by hand", byHand),
    `x${(median(drill) / median(byHand)).toFixed(2)} of the time by hand`,
  ].join("\n");
}
