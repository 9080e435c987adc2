/**
 * `npm run bench`: ours against the field's own programs, in turn on one machine, medians of whole processes.
 * Prints the ratios and writes `bench/results.json`. A figure is a measurement, never a test.
 *
 * `npm run bench -- copy [FILE]`: the copy of a backup to a machine, against `scp`; needs root.
 * `npm run bench -- backup`: a backup of some 400 MB, against `etcdctl snapshot save`.
 * `npm run bench -- encryption`: values that Kubernetes encrypted, against the cipher alone.
 * `npm run bench -- fetch`: the download of some 400 MB out of S3, against curl.
 * `npm run bench -- drill`: a whole drill of some 400 MB, against doing it by hand.
 */
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { abortOnInterrupt } from "../../scripts/interrupt";
import { makeSnapshot } from "../support/make-snapshot";
import { benchBackup, describeBackup } from "./backup";
import { benchEncryption, describeEncryption } from "./encryption";
import { benchDrill, describeDrill } from "./drill";
import { benchFetch, describeFetch } from "./fetch";
import { benchLookInside, describeLookInside } from "./look-inside";
import { benchCopy, describeCopy } from "./copy";
import { RUNS } from "./measure";
import { benchPreflight, describePreflight } from "./preflight";
import { benchVerification, describeVerification } from "./verification";

const RESULTS = join(__dirname, "..", "..", "bench");

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "etcd-restore-bench-"));
  // The servers that are being measured end with this process (test/support/etcd-server.ts).
  abortOnInterrupt().addEventListener("abort", () => {
    rmSync(directory, { recursive: true, force: true });
    process.exit(130);
  });
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const [what, given] = process.argv.slice(2);
  try {
    if (what === "copy" && given !== undefined) {
      say(describeCopy(await benchCopy(given)));
      return;
    }
    if (what === "encryption") {
      say(describeEncryption(await benchEncryption()));
      return;
    }
    const file = join(directory, "bench.db");
    if (what === "backup") {
      await makeSnapshot(file, { keys: 200_000, valueBytes: 1250 });
      say(describeBackup(await benchBackup(file)));
      return;
    }
    if (what === "drill" || what === "fetch") {
      await makeSnapshot(file, { keys: 300_000, valueBytes: 1250 });
      say(
        what === "drill"
          ? describeDrill(await benchDrill(file))
          : describeFetch(await benchFetch(file)),
      );
      return;
    }
    process.stderr.write("making a store of 300,000 keys with a real etcd\n");
    await makeSnapshot(file, { keys: 300_000, valueBytes: 1250 });
    if (what === "copy") {
      say(describeCopy(await benchCopy(file)));
      return;
    }
    say(`median of ${RUNS} runs each, in turn, on ${cpus().length} cores`);
    const preflight = await benchPreflight(file);
    say(describePreflight(preflight));
    const lookInside = await benchLookInside(file);
    say(describeLookInside(lookInside));
    const verification = await benchVerification(file);
    say(describeVerification(verification));
    const backup = await benchBackup(file);
    say(describeBackup(backup));
    const encryption = await benchEncryption();
    say(describeEncryption(encryption));

    await mkdir(RESULTS, { recursive: true });
    const takenAt = new Date().toISOString();
    const results = { takenAt, preflight, lookInside, verification, backup, encryption };
    await writeFile(join(RESULTS, "results.json"), `${JSON.stringify(results, undefined, 2)}\n`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 3;
});
