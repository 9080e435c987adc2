/** Every option of the command line, and what shows that it is not only parsed. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { World } from "./world";

/** An option that is tried here: the words without it and with it, and what only the second run shows. */
export interface TriedOption {
  readonly option: string;
  /** What it changes, for the table in docs/options.md. */
  readonly changes: string;
  readonly without: (world: World) => readonly string[];
  readonly words: (world: World) => readonly string[];
  /** In the exit code, stdout, stderr, kubectl's calls or `effect` of the run with it, and not of the run without. */
  readonly shows: RegExp;
  readonly effect?: (world: World) => string;
}

/** An option that a test of its own proves. */
export interface ProvedElsewhere {
  readonly option: string;
  readonly changes: string;
  /** File below test/, which has the option in it. */
  readonly test: string;
}

export type Row = TriedOption | ProvedElsewhere;

type Words = (world: World) => readonly string[];

/** One that is tried: `without`, `words`, what it shows. */
function tried(
  option: string,
  changes: string,
  without: Words,
  words: Words | readonly string[],
  shows: RegExp,
  effect?: (world: World) => string,
): TriedOption {
  const added = typeof words === "function" ? words : () => words;
  return { option, changes, without, words: added, shows, ...(effect && { effect }) };
}

const elsewhere = (option: string, changes: string, test: string): ProvedElsewhere => ({
  ...{ option, changes, test },
});

/** The first half of a file's bytes. */
function halfOf(file: string): Buffer {
  const bytes = fs.readFileSync(file);
  return bytes.subarray(0, bytes.length / 2);
}

/** Of the commands that look into a running etcd; `base` names the command and what it needs besides. */
function endpointRows(base: Words, loginBase: Words, found: RegExp): readonly Row[] {
  return [
    tried(
      "--endpoint",
      "which etcd is asked",
      base,
      ["--endpoint", "https://127.0.0.1:1"],
      /127\.0\.0\.1:1\b/,
    ),
    tried(
      "--stack",
      "whose etcd is asked",
      base,
      ["--stack", "nobodys"],
      /stack nobodys is not up/,
    ),
    tried(
      "--engine",
      "where the stack's outputs are read",
      base,
      ["--engine", "pulumi"],
      /no Pulumi CLI on PATH(?!;)/,
    ),
    tried(
      "--config",
      "where the stack is kept",
      base,
      ["-c", "clientPort=1"],
      /clientPort changes nothing here|about a stack/,
    ),
    tried(
      "--cacert",
      "who is believed to be the etcd",
      base,
      (w) => [...w.served, "--cacert", w.main],
      /cacert|CA|certificate/,
    ),
    tried(
      "--cert",
      "as whom it is asked",
      base,
      (w) => [...w.served, "--cert", w.main],
      /--cert|certificate/,
    ),
    tried(
      "--key",
      "as whom it is asked",
      base,
      (w) => [...w.served, "--key", "/nonexistent"],
      /\/nonexistent/,
    ),
    tried(
      "--user",
      "as whom a store with authentication is asked",
      loginBase,
      (w) => ["--user", "root", "--password-file", w.file("password", "sesame")],
      found,
    ),
    tried(
      "--password-file",
      "the user's password",
      (w) => [...loginBase(w), "--user", "root"],
      (w) => ["--password-file", w.file("password", "sesame")],
      found,
    ),
    tried(
      "--password-stdin",
      "the user's password; refused without --user",
      base,
      ["--password-stdin"],
      /--password-stdin goes with --user|needs a user/,
    ),
  ];
}

const podRows = (base: Words): readonly Row[] => [
  tried(
    "--context",
    "which cluster is asked",
    base,
    ["--context", "production"],
    /--context=production/,
  ),
  tried(
    "--namespace",
    "where its etcd pods are looked for",
    base,
    ["-n", "etcd-here"],
    /-n etcd-here/,
  ),
];

const storePodRows = (base: Words): readonly Row[] => [
  tried(
    "--kubernetes",
    "a pod's etcd is asked",
    (w) => base(w).filter((word) => word !== "--kubernetes"),
    ["--kubernetes"],
    /kubectl .*get pods/,
  ),
  ...podRows(base),
  tried(
    "--only",
    "that of the events is asked",
    base,
    ["--only", "events"],
    /etcd-server-events-ip/,
  ),
  tried(
    "--helper-image",
    "the image of our own pods",
    base,
    ["--helper-image", "registry.example/sh:1"],
    /registry\.example\/sh:1/,
  ),
];

/** A text without a byte that begins a colour. */
const NO_ESCAPE = new RegExp("^[^\\u001b]*$");

const BOOT: Readonly<Record<string, string>> = {
  "--snapshot-events": "the events' own backup",
  "--etcd-programs": "the clone's etcd",
  "--kube-apiserver": "the program that comes up",
  "--encryption-config": "opens what is encrypted",
};

/** A backup of a v2 store. */
const V2_FIXTURE = path.join(__dirname, "..", "..", "fixtures", "v2-backup");

/** A drill that ends at once: there is no such backup. */
const refusedDrill: Words = (w) => [
  ...["drill", "/nonexistent.db", "--json", "--home", w.folder("drills")],
  ...["--report", w.folder("drill-report")],
];

/** A home with a drill that was kept until a moment that is over. */
function homeWithExpired(world: World): string {
  const name = "drill-aaaaaaaa-zzzzz";
  const mark = {
    ...{ schemaVersion: 1, name, target: "local", engine: "embedded", config: {}, source: "/x" },
    ...{ startedAt: "2026-01-01T00:00:00Z", keptUntil: "2026-01-01T02:00:00Z" },
    process: { pid: 1, startTime: "0", where: "elsewhere" },
  };
  world.write(`expired/${name}/drill.json`, JSON.stringify(mark));
  return world.folder("expired");
}

/** A list of two backups. */
const fleetList = (w: World): string =>
  w.file("fleet.csv", `name,source\na,${w.main}\nb,${w.main}\n`);

/** A folder with the result of one backup that passed a minute ago. */
function fleetResults(world: World): string {
  const endedAt = new Date(Date.now() - 60_000).toISOString();
  const result = {
    ...{ schemaVersion: 1, tool: "etcd-restore 0", name: "a", source: "a.db", level: "full" },
    ...{ policy: "0123456789ab", verdict: "pass", exitCode: 0, failed: [], seconds: 1, phases: [] },
    ...{ startedAt: endedAt, endedAt },
  };
  world.write("fleet-results/a.unread.0123456789ab.0.1.0.json", JSON.stringify(result));
  return world.folder("fleet-results");
}

/** A history without a drill in it. */
const history = (world: World): string => world.file("empty.jsonl", "");

/** Rows by command; `` are those that every command knows. */
export const OPTIONS: Readonly<Record<string, readonly Row[]>> = {
  "": [
    tried(
      "--version",
      "the version is printed",
      () => ["inspect", "/nonexistent"],
      ["--version"],
      /^0\n\d+\.\d+\.\d+/,
    ),
    tried(
      "--json",
      "one JSON on stdout",
      (w) => ["inspect", w.main],
      ["--json"],
      /^0\n\{"schemaVersion":1,[^\n]*"verdict":"restorable"/,
    ),
    tried(
      "--quiet",
      "the result alone",
      (w) => ["inspect", w.main],
      ["--quiet"],
      /^0\nRESTORABLE[^\n]*\n*$/,
    ),
    tried("--no-color", "no colours", () => ["doctor"], ["--no-color"], NO_ESCAPE),
    tried(
      "--debug",
      "stack traces with errors",
      () => ["inspect", "/nonexistent"],
      ["--debug"],
      /\n\s+at /,
    ),
  ],
  start: [
    tried(
      "--engine",
      "what runs the program",
      (w) => ["start", "/nonexistent.db", "-c", `labDirectory=${w.folder("lab")}`],
      ["--engine", "pulumi"],
      /no Pulumi CLI on PATH(?!;)/,
    ),
    tried(
      "--config",
      "a setting of the stack",
      (w) => ["start", "--engine", "pulumi", "-c", `labDirectory=${w.folder("lab")}`],
      ["-c", "verificaton=quick"],
      /verificaton.*verification/,
    ),
  ],
  stop: [
    tried(
      "--purge",
      "reports of a failed run go, too",
      (w) => ["stop", "-c", `labDirectory=${labWithReport(w)}`],
      ["--purge"],
      /reports: gone/,
      (w) => reportsLeft(w),
    ),
    tried(
      "--engine",
      "what runs the program",
      (w) => ["stop", "-c", `labDirectory=${labWithReport(w)}`],
      ["--engine", "pulumi"],
      /no Pulumi CLI on PATH(?!;)/,
    ),
    tried(
      "--config",
      "where the lab is",
      (w) => ["stop", "-c", `labDirectory=${w.folder("none")}`],
      ["-c", "labDirectry=/x"],
      /labDirectory/,
    ),
  ],
  verify: [
    tried(
      "--file",
      "the backup that it is compared with",
      (w) => ["verify", ...w.served, "--level", "quick"],
      (w) => ["--file", w.main],
      /337 of 337|337 keys|PASS/,
    ),
    ...endpointRows(
      (w) => ["verify", w.main, "--level", "quick"],
      (w) => ["verify", w.main, ...w.login, "--level", "quick"],
      /compacted to 0, 1 key/,
    ),
    tried(
      "--level",
      "how much is compared",
      (w) => ["verify", w.main, ...w.served, "--json"],
      ["--level", "quick"],
      /"level":"quick"/,
    ),
    tried(
      "--expect",
      "a key that must be there",
      (w) => ["verify", w.main, ...w.served, "--level", "quick"],
      ["--expect", "/nowhere"],
      /\/nowhere/,
    ),
    tried(
      "--phase",
      "an earlier phase's time stands in the report",
      (w) => ["verify", w.main, ...w.served, "--level", "quick", "--json"],
      ["--phase", "restore=41.5"],
      /41\.5/,
    ),
    tried(
      "--report",
      "reports are written",
      (w) => ["verify", w.main, ...w.served, "--level", "quick"],
      (w) => ["--report", w.folder("reports")],
      /report\.html/,
      (w) => listing(w, "reports"),
    ),
    tried(
      "--bumped",
      "the revision that is expected",
      (w) => ["verify", w.main, ...w.served],
      ["--bumped", "1000"],
      /bump|1,?482/i,
    ),
    tried(
      "--etcd-version",
      "the version that is expected",
      (w) => ["verify", w.main, ...w.served, "--level", "quick"],
      ["--etcd-version", "3.4"],
      /asked for 3\.4/,
    ),
    tried(
      "--in-use",
      "what was written since is explained",
      (w) => ["verify", w.main, ...w.served],
      ["--in-use"],
      /in use|written after|since the backup/i,
    ),
    elsewhere("--restored-at", "what a lease that is gone means", "etcd/proof/leases.test.ts"),
    tried(
      "--access-stdin",
      "password and SSH from stdin; refused beside --password-stdin",
      (w) => ["verify", w.main, ...w.served, "--password-stdin"],
      ["--access-stdin"],
      /--access-stdin.*cannot be used with.*--password-stdin/,
    ),
    tried(
      "--service",
      "by which the etcd is stopped and started once",
      (w) => ["verify", w.main, ...w.served, "--json"],
      ["--service", "true"],
      /"id":"life-own-restart"/,
    ),
    tried(
      "--reboot",
      "each machine is rebooted once, by the way to it",
      (w) => ["verify", w.main, ...w.served],
      ["--reboot"],
      /--reboot needs the way to each machine on stdin/,
    ),
    tried(
      "--kubernetes-on",
      "where the clone is made",
      (w) => ["verify", w.main, ...w.served, "--level", "quick"],
      ["--kubernetes-on", "machine"],
      /--kubernetes-on machine needs the way to it on stdin/,
    ),
    tried(
      "--for-stack",
      "whose report it is",
      (w) => ["verify", w.main, ...w.served, "--level", "quick", "--json"],
      ["--for-stack", "prod"],
      /"stack":"prod"/,
    ),
    tried(
      "--trusted-key",
      "who must have signed the manifest",
      (w) => ["verify", w.main, ...w.served, "--level", "quick"],
      (w) => ["--trusted-key", w.publicKey],
      /sign/,
    ),
    tried(
      "--encryption-config",
      "every encrypted value must decrypt to its object",
      (w) => ["verify", w.main, ...w.served, "--level", "quick"],
      (w) => ["--encryption-config", w.encryptionConfig],
      /[Ee]ncrypt/,
    ),
    tried(
      "--expect-cluster",
      "whose backup it must be",
      (w) => ["verify", w.main, ...w.served, "--level", "quick"],
      ["--expect-cluster", "00000000-0000-4000-8000-000000000000"],
      /00000000-0000-4000/,
    ),
    elsewhere(
      "--kubernetes",
      "a kube-apiserver must come up on a clone",
      "acceptance/boot/story.test.ts",
    ),
    elsewhere("--life", "a clone is restarted and written to", "acceptance/boot/story.test.ts"),
    tried(
      "--kube-apiserver",
      "the program that comes up",
      // One that nobody has: without the option nothing is built for minutes.
      (w) => ["verify", w.main, ...w.served, "--level", "quick", "--kubernetes", "1.99"],
      (w) => ["--kube-apiserver", w.main],
      /main\.db.*(kube-apiserver|started|executed|EACCES|permission)/,
    ),
    elsewhere("--etcd-programs", "the clone's etcd", "components/local-target.test.ts"),
    tried(
      "--unpacked",
      "where an unpacked backup is kept",
      (w) => ["verify", w.packed, ...w.served, "--level", "quick"],
      (w) => ["--unpacked", w.folder("unpacked")],
      /unpacked: \S/,
      (w) => `unpacked: ${listing(w, "unpacked")}`,
    ),
  ],
  boot: [
    ...["--snapshot-events", "--etcd-programs", "--kube-apiserver", "--encryption-config"].map(
      (option) =>
        tried(
          option,
          BOOT[option] ?? "",
          (w) =>
            ["boot", w.main, "--no-life"].concat(
              option === "--kube-apiserver"
                ? ["--kubernetes", "1.99"]
                : ["--kube-apiserver", w.main],
            ),
          [option, "/nonexistent/of-the-option"],
          /\/nonexistent\/of-the-option/,
        ),
    ),
    tried(
      "--kubernetes",
      "which minor comes up",
      (w) => ["boot", w.main, "--kube-apiserver", w.main],
      ["--kubernetes", "1.5"],
      /1\.5/,
    ),
    elsewhere("--work-dir", "where the clone lies", "acceptance/boot/killed.test.ts"),
    elsewhere("--no-life", "the restart and what writes are left out", "acceptance/boot/booted.ts"),
  ],
  extract: [
    tried(
      "--file",
      "the backup",
      () => ["extract", "ns/default"],
      (w) => ["--file", w.main],
      /kind: Namespace/,
    ),
    tried(
      "--namespace",
      "objects of one namespace",
      (w) => ["extract", "--file", w.main, "pods"],
      ["-n", "shop"],
      /^0\n(?![\s\S]*namespace: kube-system)/,
    ),
    tried(
      "--selector",
      "objects by their labels",
      (w) => ["extract", "--file", w.main, "pods"],
      ["-l", "no=such"],
      /^(?![\s\S]*kind: Pod)/,
    ),
    tried(
      "--output",
      "YAML or JSON",
      (w) => ["extract", "--file", w.main, "ns/default"],
      ["-o", "json"],
      /"kind": ?"Namespace"/,
    ),
    tried(
      "--clean",
      "without what a server sets",
      (w) => ["extract", "--file", w.main, "ns/default"],
      ["--clean"],
      /^(?![\s\S]*uid: )/,
    ),
    tried(
      "--encryption-config",
      "opens what is encrypted",
      (w) => ["extract", "--file", w.encrypted, "secrets", "-n", "shop"],
      (w) => ["--encryption-config", w.encryptionConfig],
      /^0\n[\s\S]*kind: Secret/,
    ),
  ],
  drill: [
    tried(
      "--file",
      "the backup",
      () => ["drill"],
      ["--file", "/nonexistent.db"],
      /\/nonexistent\.db/,
    ),
    tried(
      "--from",
      "where backups lie",
      () => ["drill"],
      ["--from", "/nonexistent/place"],
      /\/nonexistent\/place/,
    ),
    tried(
      "--target",
      "where it is made",
      refusedDrill,
      ["--target", "openstack"],
      /"target":"openstack"/,
    ),
    tried(
      "--stack",
      "whose settings, on openstack",
      (w) => [...refusedDrill(w), "--target", "openstack"],
      ["--stack", "nobodys"],
      /nobodys/,
    ),
    tried(
      "--engine",
      "what runs the program",
      refusedDrill,
      ["--engine", "pulumi"],
      /no Pulumi CLI on PATH(?!;)/,
    ),
    tried(
      "--config",
      "a setting of the stack",
      refusedDrill,
      ["-c", "verificaton=quick"],
      /verificaton/,
    ),
    tried("--level", "how much is compared", refusedDrill, ["--level", "quick"], /"level":"quick"/),
    elsewhere("--age-identity", "opens what age encrypted", "scripts/age.test.ts"),
    elsewhere("--budget", "how long a phase may take", "acceptance/drill.test.ts"),
    elsewhere("--max-age", "how old the backup may be", "acceptance/drill.test.ts"),
    elsewhere("--random", "a random one of the newest", "evidence/confidence.test.ts"),
    elsewhere("--seed", "the same one again", "evidence/confidence.test.ts"),
    elsewhere("--report", "where the reports go", "acceptance/drill.test.ts"),
    elsewhere("--home", "where a drill keeps what is its own", "acceptance/drill.test.ts"),
    tried(
      "--history",
      "a line is appended",
      refusedDrill,
      (w) => ["--history", w.folder("drills.jsonl")],
      /"drill":"drill-/,
      (w) => read(w, "drills.jsonl"),
    ),
    tried(
      "--sign-key",
      "the report is signed",
      refusedDrill,
      (w) => ["--sign-key", w.privateKey],
      /report\.intoto\.json/,
      (w) => listing(w, "drill-report"),
    ),
    elsewhere("--keep", "what was made stays for a time", "acceptance/drill-killed.test.ts"),
    elsewhere("--shard", "which part of a list is done", "acceptance/fleet.test.ts"),
    elsewhere("--jobs", "how many of a list at a time", "acceptance/fleet.test.ts"),
    elsewhere("--results", "where the results of a list go", "acceptance/fleet.test.ts"),
    elsewhere("--again-after", "when what is known is found out again", "acceptance/fleet.test.ts"),
  ],
  plan: [
    tried(
      "--shards",
      "how many shares",
      (w) => ["plan", fleetList(w)],
      ["--shards", "2"],
      /in 2 shards/,
    ),
    tried(
      "--within",
      "shares for a time",
      (w) => ["plan", fleetList(w)],
      ["--within", "1s"],
      /in 2 shards/,
    ),
    tried("--cores", "cores of a pod", (w) => ["plan", fleetList(w)], ["--cores", "7"], /7 cores/),
    tried(
      "--level",
      "how much is compared",
      (w) => ["plan", fleetList(w), "--json"],
      ["--level", "quick"],
      /"level":"quick"/,
    ),
    tried(
      "--write",
      "the list and the Job",
      (w) => ["plan", fleetList(w)],
      (w) => ["--write", w.folder("plan")],
      /fleet\.jsonl job\.yaml/,
      (w) => [...w.list("plan")].sort().join(" "),
    ),
    tried(
      "--image",
      "the image of the Job",
      (w) => ["plan", fleetList(w), "--json"],
      ["--image", "registry.example/it"],
      /registry\.example\/it/,
    ),
    tried(
      "--results",
      "the results of the Job",
      (w) => ["plan", fleetList(w), "--json"],
      ["--results", "s3://evidence/x"],
      /s3:\/\/evidence\/x/,
    ),
  ],
  merge: [
    tried(
      "--list",
      "what has no result is named",
      (w) => ["merge", fleetResults(w)],
      (w) => ["--list", w.file("fleet.csv", "name,source\na,a.db\nabsent,b.db\n")],
      /missing absent/,
    ),
    tried(
      "--within",
      "what counts as lately",
      (w) => ["merge", fleetResults(w)],
      ["--within", "1s"],
      /0\.0 % were proved in the last 1 s/,
    ),
    tried(
      "--report",
      "the report in its four forms",
      (w) => ["merge", fleetResults(w)],
      (w) => ["--report", w.folder("fleet-report")],
      /fleet\.html fleet\.json fleet\.prom fleet\.xml/,
      (w) => [...w.list("fleet-report")].sort().join(" "),
    ),
    elsewhere("--key", "who must have signed the results", "acceptance/fleet-evidence.test.ts"),
    elsewhere("--history", "which results must be there", "acceptance/fleet-evidence.test.ts"),
  ],
  sweep: [
    tried(
      "--expired",
      "also what was kept too long",
      (w) => ["sweep", "--dry-run", "--home", homeWithExpired(w)],
      ["--expired"],
      /to be removed/,
    ),
    tried(
      "--dry-run",
      "nothing is removed",
      (w) => ["sweep", "--expired", "--home", homeWithExpired(w)],
      (w) => ["--home", homeWithExpired(w), "--dry-run"],
      /to be removed/,
    ),
    tried(
      "--target",
      "where is looked",
      (w) => ["sweep", "--home", w.folder("none")],
      ["--target", "openstack"],
      /OS_CLOUD/,
    ),
    tried(
      "--home",
      "where drills keep what is theirs",
      () => ["sweep", "--dry-run"],
      ["--home", "/nonexistent/home"],
      /\/nonexistent\/home/,
    ),
  ],
  history: [
    tried(
      "--alert-after",
      "exit 1 when none has passed for so long",
      (w) => ["history", history(w)],
      ["--alert-after", "3d"],
      /^1\n|at most 3/,
    ),
    tried("--last", "the newest alone", (w) => ["history", history(w)], ["--last", "0"], /--last/),
  ],
  evidence: [
    tried(
      "--key",
      "who must have signed it",
      (w) => ["evidence", "verify", w.file("signed.json", '{"payloadType":"x"}')],
      (w) => ["--key", w.publicKey],
      /^(?![\s\S]*whose signature)/,
    ),
    elsewhere("--history", "the history must hold this drill", "evidence/tampering.test.ts"),
  ],
  inspect: [
    elsewhere("--age-identity", "opens what age encrypted", "scripts/age.test.ts"),
    tried(
      "--encryption-config",
      "every encrypted value must decrypt",
      (w) => ["inspect", w.encrypted],
      (w) => ["--encryption-config", w.encryptionConfig],
      /\b8 of 8\b/,
    ),
    tried(
      "--expect-cluster",
      "whose backup it must be",
      (w) => ["inspect", w.main],
      ["--expect-cluster", "00000000-0000-4000-8000-000000000000"],
      /00000000-0000-4000/,
    ),
    tried(
      "--trusted-key",
      "who must have signed the manifest",
      (w) => ["inspect", w.main],
      (w) => ["--trusted-key", w.publicKey],
      /sign/,
    ),
  ],
  ls: [
    tried(
      "--file",
      "the backup to look into",
      () => ["ls", "/registry"],
      (w) => ["--file", w.main],
      /\/registry\/pods/,
    ),
    tried(
      "--recursive",
      "every key below",
      (w) => ["ls", "/registry/pods/", w.main],
      ["-r"],
      /etcd-master/,
    ),
    tried(
      "--long",
      "counts, sizes, revisions, ages",
      (w) => ["ls", "/registry", w.main],
      ["-l"],
      /\b23 {2}\/registry\/pods/,
    ),
    tried(
      "--salvage",
      "what can be read of a damaged backup",
      (w) => ["ls", "/", w.file("salvage.db", halfOf(w.main))],
      ["--salvage"],
      /this is no backup to restore/,
    ),
    tried(
      "--v2",
      "the old v2 store is meant",
      (w) => ["ls", "/", w.main],
      ["--v2"],
      /holds no key of a v2 store/,
    ),
    ...endpointRows(
      () => ["ls", "/"],
      (w) => ["ls", "/", ...w.login],
      /greeting/,
    ),
    ...storePodRows(() => ["ls", "/", "--kubernetes"]),
  ],
  get: [
    tried(
      "--salvage",
      "what can be read of a damaged backup",
      (w) => ["get", "/registry/namespaces/default", w.file("salvage.db", halfOf(w.main))],
      ["--salvage"],
      /this is no backup to restore/,
    ),
    tried(
      "--v2",
      "the old v2 store is meant",
      (w) => ["get", "/registry/namespaces/default", w.main],
      ["--v2"],
      /holds no key of a v2 store/,
    ),
    tried(
      "--file",
      "the backup to look into",
      () => ["get", "/registry/namespaces/default"],
      (w) => ["--file", w.main],
      /"kind": "Namespace"/,
    ),
    tried(
      "--output",
      "how it is printed",
      (w) => ["get", "/registry/namespaces/default", w.main],
      ["-o", "yaml"],
      /^kind: Namespace/m,
    ),
    tried(
      "--encryption-config",
      "opens what is encrypted",
      (w) => ["get", "/registry/secrets/shop/db-credentials", w.encrypted],
      (w) => ["--encryption-config", w.encryptionConfig],
      /"kind": "Secret"/,
    ),
    tried(
      "--metadata",
      "with what etcd knows",
      (w) => ["get", "/registry/namespaces/default", w.main],
      ["--metadata"],
      /modRevision/,
    ),
    ...endpointRows(
      () => ["get", "/greeting"],
      (w) => ["get", "/greeting", ...w.login],
      /hello/,
    ),
    ...storePodRows(() => ["get", "/registry/x", "--kubernetes"]),
  ],
  diff: [
    tried(
      "--file",
      "the backup A",
      (w) => ["diff", w.encrypted],
      (w) => ["--file", w.main],
      /changed|removed|added/,
    ),
    tried(
      "--keys",
      "every key that differs",
      (w) => ["diff", w.main, w.encrypted],
      ["--keys"],
      /^[-+~] \/registry\//m,
    ),
    tried(
      "--v2",
      "the old v2 store is meant",
      (w) => ["diff", w.main, w.encrypted],
      ["--v2"],
      /holds no key of a v2 store/,
    ),
    ...endpointRows(
      (w) => ["diff", w.main],
      (w) => ["diff", w.main, ...w.login],
      /removed/,
    ),
  ],
  backup: [
    tried(
      "--output",
      "where it is written",
      (w) => ["backup", ...w.served],
      (w) => ["-o", w.folder("taken.db")],
      /taken\.db/,
    ),
    ...endpointRows(
      (w) => ["backup", ...w.served, "-o", w.folder("b.db"), "--overwrite"],
      (w) => ["backup", ...w.login, "-o", w.folder("l.db"), "--overwrite"],
      /revision/,
    ).filter(({ option }) => !["--stack", "--engine", "--config"].includes(option)),
    tried(
      "--member",
      "the member that is taken",
      (w) => ["backup", ...w.served, "-o", w.folder("m.db"), "--overwrite"],
      ["--member", "nobody"],
      /nobody/,
    ),
    tried(
      "--sign-key",
      "who signs the manifest",
      (w) => ["backup", ...w.served, "-o", w.folder("s.db"), "--overwrite"],
      (w) => ["--sign-key", w.privateKey],
      /"signature"/,
      (w) => read(w, "s.db.json"),
    ),
    tried(
      "--v2",
      "that of the old v2 store is taken",
      (w) => ["backup", "-o", w.folder("v2")],
      ["--v2"],
      /Give --data-dir DIR/,
    ),
    tried(
      "--data-dir",
      "the directory that it is taken from",
      (w) => ["backup", "--v2", "-o", w.folder("v2-of")],
      ["--data-dir", V2_FIXTURE],
      /TAKEN .*35 v2 keys/,
    ),
    tried(
      "--with-v3",
      "v3 keys go with it",
      (w) => ["backup", "--data-dir", V2_FIXTURE, "-o", w.folder("v2-with")],
      ["--v2", "--with-v3"],
      /TAKEN .*35 v2 keys/,
    ),
    elsewhere("--ssh", "the machine that it is copied from", "scripts/backup-v2-ssh.test.ts"),
    elsewhere("--ssh-config", "how that is reached", "scripts/backup-v2-ssh.test.ts"),
    elsewhere("--without-v3", "v3 keys are left out", "etcd/backup/v2/take.test.ts"),
    tried(
      "--overwrite",
      "one of the same name is replaced",
      (w) => ["backup", ...w.served, "-o", w.file("there.db", "old")],
      ["--overwrite"],
      /^0\n/,
    ),
    ...storePodRows((w) => [
      "backup",
      "--kubernetes",
      "--dry-run",
      "-o",
      w.folder("of-cluster"),
    ]).filter(({ option }) => !["--only", "--helper-image"].includes(option)),
    tried(
      "--helper-image",
      "the image of our own pods",
      (w) => ["backup", "--kubernetes", "--via", "node", "-o", w.folder("of-cluster")],
      ["--helper-image", "registry.example/sh:1"],
      /registry\.example\/sh:1/,
    ),
    tried(
      "--only",
      "that of everything or of the events alone is taken",
      (w) => ["backup", "--kubernetes", "--dry-run", "-o", w.folder("of-cluster")],
      ["--only", "main"],
      /^0\n(?![\s\S]*events: kube-system)/,
    ),
    tried(
      "--via",
      "the only way to a pod",
      (w) => ["backup", "--kubernetes", "-o", w.folder("of-cluster")],
      ["--via", "exec"],
      /^(?![\s\S]*create -f)/,
    ),
    tried(
      "--dry-run",
      "what would be done is said, and nothing made",
      (w) => ["backup", "--kubernetes", "-o", w.folder("of-cluster")],
      ["--dry-run"],
      /^0\n/,
    ),
  ],
  pods: podRows(() => ["pods"]),
  list: [
    elsewhere("--age-identity", "opens what age encrypted", "scripts/age.test.ts"),
    elsewhere(
      "--expect-cluster",
      "backups of another cluster are passed over",
      "sources/link.test.ts",
    ),
  ],
  doctor: [
    tried(
      "--target",
      "where `up` will make the etcd",
      () => ["doctor"],
      ["--target", "openstack"],
      /openstack|OS_CLOUD/i,
    ),
    tried(
      "--stack",
      "whose settings are read",
      () => ["doctor", "--json"],
      ["--stack", "dev"],
      /"stack":"dev"/,
    ),
    tried(
      "--file",
      "the backup that is looked at",
      () => ["doctor"],
      ["--file", "/nonexistent.db"],
      /\/nonexistent\.db/,
    ),
    tried(
      "--config",
      "a setting of the stack",
      () => ["doctor"],
      // Nothing that hangs on what else runs here, as a port does.
      ["-c", "etcdVersion=3.7"],
      /of etcd 3\.7\b/,
    ),
  ],
  completion: [],
  version: [],
};

function labWithReport(world: World): string {
  const lab = world.folder("purged");
  world.write("purged/report.json", "{}");
  return lab;
}

const reportsLeft = (world: World): string =>
  listing(world, "purged").includes("report.json") ? "reports: there" : "reports: gone";

function listing(world: World, name: string): string {
  return world.list(name).join(" ");
}

const read = (world: World, name: string): string => world.read(name);
