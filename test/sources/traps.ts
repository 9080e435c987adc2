/**
 * Places with backups as they are found in the field, each with a trap: which backup must be taken, and why the newer
 * ones are not. The same table is tried in a folder and on real servers.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { tarOf, zipOf } from "../support/pack";

const FIXTURES = path.join(__dirname, "..", "fixtures");
const packed = fs.readFileSync(path.join(FIXTURES, "kubernetes-1.35-events.db.gz"));
export const DB = gunzipSync(packed);
const GZ = gzipSync(DB);
const ZIP = zipOf([["etcd-snapshot", DB]]);
const TAR = gzipSync(tarOf([["etcd/snapshot.db", DB]]));
const MANIFESTS = gzipSync(
  tarOf([["static-pod-resources/etcd-pod.yaml", Buffer.from("kind: Pod")]]),
);
const META = Buffer.from('{"etcdVersion":"3.5.21","timestamp":"1763780400000000000"}');
const EMPTY = Buffer.alloc(0);
const HTML = Buffer.from("<html><body>503 Service Unavailable</body></html>");

export const UID = "8c1e0c2e-1f7a-4c53-9d0f-3a4f0c9d7b11";
const OTHER_UID = "d5b4c7aa-7c0e-4b5e-8a52-5d3e1c0b2f99";

const manifest = (uid: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 1,
      takenAt: "2026-11-20T01:00:00Z",
      sha256: "0".repeat(64),
      bytes: DB.length,
      source: { revision: 1, notComparable: "a test" },
      kubernetes: { uid },
    }),
  );

/** An object with its bytes. */
export interface Put {
  readonly path: string;
  readonly bytes: Buffer;
  /** Seconds since it was written; default: a day. */
  readonly age?: number;
  readonly notes?: Readonly<Record<string, string>>;
}

export interface Trap {
  readonly title: string;
  readonly objects: readonly Put[];
  readonly expectedCluster?: string;
  /** Path of the one that must be taken; none where nothing may be. */
  readonly chosen?: string;
  readonly layout?: string;
  /** Path and words of each that must be passed over. */
  readonly passed?: Readonly<Record<string, RegExp>>;
  /** Words that must be among the notes. */
  readonly notes?: readonly RegExp[];
  /** It stands on the time at which a file was written, or on a file that grows. */
  readonly onlyInFolder?: true;
}

const put = (name: string, bytes: Buffer, more: Partial<Put> = {}): Put => ({
  path: name,
  bytes,
  ...more,
});
const FULL = "v2/Full-00000000-00009002-1763700000.gz";
const NEXT_FULL = "v2/Full-00000000-00019002-1763786400.gz";
const KOPS = "2026-11-21T03:00:00Z-000001";
const KOPS_NEXT = "2026-11-22T03:00:00Z-000001";

const GARDENER: readonly Trap[] = [
  {
    title: "gardener: the newest full snapshot, also when its name sorts first",
    objects: [
      put(NEXT_FULL, GZ),
      put(FULL, GZ),
      put("v2/Full-00000000-00029002-1763600000.gz", GZ),
    ],
    chosen: NEXT_FULL,
    layout: "gardener",
  },
  {
    title: "gardener: increments are named and not taken for a backup",
    objects: [
      put(FULL, GZ),
      put("v2/Incr-00009003-00009500-1763703600.gz", GZ),
      put("v2/Incr-00009501-00009900-1763707200.gz", GZ),
    ],
    chosen: FULL,
    notes: [/2 increments up to revision 9900 .* are not restored.*ends at revision 9002/],
  },
  {
    title: "gardener: a gap between increments is said",
    objects: [
      put(FULL, GZ),
      put("v2/Incr-00009003-00009500-1763703600.gz", GZ),
      put("v2/Incr-00009601-00009900-1763707200.gz", GZ),
    ],
    chosen: FULL,
    notes: [/revisions 9501 to 9600 are in no increment/],
  },
  {
    title: "gardener: an empty increment is said",
    objects: [put(FULL, GZ), put("v2/Incr-00009003-00009500-1763703600.gz", EMPTY)],
    chosen: FULL,
    notes: [/Incr-00009003-00009500-1763703600\.gz is empty/],
  },
  {
    title: "gardener: parts of an upload without the whole",
    objects: [
      put(FULL, GZ),
      put(`${NEXT_FULL}/0000000001`, GZ.subarray(0, 9000)),
      put(`${NEXT_FULL}/0000000002`, GZ.subarray(9000)),
    ],
    chosen: FULL,
    passed: { [NEXT_FULL]: /only parts of its upload/ },
  },
  {
    title: "gardener: an empty full snapshot",
    objects: [put(FULL, GZ), put(NEXT_FULL, EMPTY)],
    chosen: FULL,
    passed: { [NEXT_FULL]: /empty \(0 bytes\)/ },
  },
  {
    title: "gardener: lzw is not read here",
    objects: [put(FULL, GZ), put("v2/Full-00000000-00019002-1763786400.lzw", DB)],
    chosen: FULL,
    passed: { "v2/Full-00000000-00019002-1763786400.lzw": /lzw/ },
  },
  {
    title: "gardener: the final snapshot before a migration",
    objects: [put(FULL, GZ), put("v2/Full-00000000-00019002-1763786400.gz.final", GZ)],
    chosen: "v2/Full-00000000-00019002-1763786400.gz.final",
  },
  {
    title: "gardener: increments alone are no backup",
    objects: [put("v2/Incr-00009003-00009500-1763703600.gz", GZ)],
  },
  {
    title: "gardener: two clusters in one bucket are said",
    objects: [put(`shoot--a--one/${FULL}`, GZ), put(`shoot--a--two/${NEXT_FULL}`, GZ)],
    chosen: `shoot--a--two/${NEXT_FULL}`,
    notes: [/backups of 2 clusters lie here/],
  },
];

const ETCD_MANAGER: readonly Trap[] = [
  {
    title: "kops: the newest folder with both halves",
    objects: [KOPS, KOPS_NEXT].flatMap((folder) => [
      put(`${folder}/etcd.backup.gz`, GZ),
      put(`${folder}/_etcd_backup.meta`, META),
    ]),
    chosen: `${KOPS_NEXT}/etcd.backup.gz`,
    layout: "kops",
  },
  {
    title: "kops: without its meta file a backup is not whole",
    objects: [
      put(`${KOPS}/etcd.backup.gz`, GZ),
      put(`${KOPS}/_etcd_backup.meta`, META),
      put(`${KOPS_NEXT}/etcd.backup.gz`, GZ),
    ],
    chosen: `${KOPS}/etcd.backup.gz`,
    passed: { [`${KOPS_NEXT}/etcd.backup.gz`]: /_etcd_backup\.meta, is not there/ },
  },
  {
    title: "kops: a meta file alone",
    objects: [
      put(`${KOPS}/etcd.backup.gz`, GZ),
      put(`${KOPS}/_etcd_backup.meta`, META),
      put(`${KOPS_NEXT}/_etcd_backup.meta`, META),
    ],
    chosen: `${KOPS}/etcd.backup.gz`,
    passed: { [`${KOPS_NEXT}/etcd.backup.gz`]: /etcd\.backup\.gz, is not there/ },
  },
  {
    title: "kops: an empty meta file",
    objects: [
      put(`${KOPS}/etcd.backup.gz`, GZ),
      put(`${KOPS}/_etcd_backup.meta`, META),
      put(`${KOPS_NEXT}/etcd.backup.gz`, GZ),
      put(`${KOPS_NEXT}/_etcd_backup.meta`, EMPTY),
    ],
    chosen: `${KOPS}/etcd.backup.gz`,
    passed: { [`${KOPS_NEXT}/etcd.backup.gz`]: /_etcd_backup\.meta, is empty/ },
  },
  {
    title: "kops: the main etcd comes before that of events, however new",
    objects: [
      put(`main/${KOPS}/etcd.backup.gz`, GZ),
      put(`main/${KOPS}/_etcd_backup.meta`, META),
      put(`events/${KOPS_NEXT}/etcd.backup.gz`, GZ),
      put(`events/${KOPS_NEXT}/_etcd_backup.meta`, META),
    ],
    chosen: `main/${KOPS}/etcd.backup.gz`,
    passed: { [`events/${KOPS_NEXT}/etcd.backup.gz`]: /etcd for events/ },
  },
  {
    title: "kops: events alone are taken",
    objects: [
      put(`events/${KOPS}/etcd.backup.gz`, GZ),
      put(`events/${KOPS}/_etcd_backup.meta`, META),
      put("events/control/etcd-cluster-created", Buffer.from("x")),
    ],
    chosen: `events/${KOPS}/etcd.backup.gz`,
  },
];

const K3S: readonly Trap[] = [
  {
    title: "k3s: the newest by the number in its name, and not its metadata",
    objects: [
      put("etcd-snapshot-node1-1763700000", DB),
      put("etcd-snapshot-node1-1763786400.zip", ZIP),
      put(".metadata/etcd-snapshot-node1-1763786400.zip", Buffer.from("{}")),
      put(".metadata/etcd-snapshot-node1-1763789999.zip", Buffer.from("{}")),
    ],
    chosen: "etcd-snapshot-node1-1763786400.zip",
    layout: "k3s",
  },
  {
    title: "k3s: an empty object (rke2#6281)",
    objects: [
      put("etcd-snapshot-node1-1763700000", DB),
      put("etcd-snapshot-node1-1763786400", EMPTY),
    ],
    chosen: "etcd-snapshot-node1-1763700000",
    passed: { "etcd-snapshot-node1-1763786400": /empty/ },
  },
  {
    title: "k3s: a .part file (k3s#8824)",
    objects: [
      put("etcd-snapshot-node1-1763700000", DB),
      put("etcd-snapshot-node1-1763786400.part", DB.subarray(0, 100_000)),
    ],
    chosen: "etcd-snapshot-node1-1763700000",
    passed: { "etcd-snapshot-node1-1763786400.part": /still being written \(\.part\)/ },
  },
  {
    title: "RKE2: a name of one's own, known by its metadata",
    objects: [
      put("folder/before-upgrade", DB),
      put("folder/.metadata/before-upgrade", Buffer.from("{}")),
    ],
    chosen: "folder/before-upgrade",
    layout: "k3s",
  },
  {
    title: "k3s: on a server's disk the metadata lies beside the folder",
    objects: [
      put("snapshots/on-demand-node1-1763700000", DB),
      put(".metadata/on-demand-node1-1763700000", Buffer.from("{}")),
    ],
    chosen: "snapshots/on-demand-node1-1763700000",
    layout: "k3s",
  },
];

const PAIRS: readonly Trap[] = [
  {
    title: "OpenShift: the newest pair",
    objects: ["2026-11-21_030000", "2026-11-22_030000"].flatMap((time) => [
      put(`snapshot_${time}.db`, DB),
      put(`static_kuberesources_${time}.tar.gz`, MANIFESTS),
    ]),
    chosen: "snapshot_2026-11-22_030000.db",
    layout: "openshift",
  },
  {
    title: "OpenShift: a snapshot whose other half is missing",
    objects: [
      put("a/snapshot_2026-11-21_030000.db", DB),
      put("a/static_kuberesources_2026-11-21_030000.tar.gz", MANIFESTS),
      put("b/snapshot_2026-11-22_030000.db", DB),
      put("a/static_kuberesources_2026-11-22_030000.tar.gz", MANIFESTS),
    ],
    chosen: "a/snapshot_2026-11-21_030000.db",
    passed: {
      "b/snapshot_2026-11-22_030000.db":
        /static_kuberesources_2026-11-22_030000\.tar\.gz, is not there/,
      "a/snapshot_2026-11-22_030000.db": /the snapshot, is not there/,
    },
  },
  {
    title: "OpenShift: a snapshot that is still being written",
    objects: [
      put("snapshot_2026-11-21_030000.db", DB),
      put("static_kuberesources_2026-11-21_030000.tar.gz", MANIFESTS),
      put("snapshot_2026-11-22_030000.db.part", DB.subarray(0, 5000)),
      put("static_kuberesources_2026-11-22_030000.tar.gz", MANIFESTS),
    ],
    chosen: "snapshot_2026-11-21_030000.db",
    passed: { "snapshot_2026-11-22_030000.db.part": /still being written/ },
  },
  {
    title: "OpenShift: an empty other half",
    objects: [
      put("snapshot_2026-11-22_030000.db", DB),
      put("static_kuberesources_2026-11-22_030000.tar.gz", EMPTY),
    ],
    passed: { "snapshot_2026-11-22_030000.db": /tar\.gz, is empty/ },
  },
];

const SINGLE: readonly Trap[] = [
  {
    title: "HyperShift: by number, not by the order of names",
    objects: [put("hcp/1763786400.db", DB), put("hcp/1463786400.db", DB)],
    chosen: "hcp/1763786400.db",
    layout: "hypershift",
  },
  {
    title: "Talos: encrypted with age, which is said with the way out",
    objects: [
      put("prod-2026-11-22T03:00:00Z.snap.age", Buffer.from("age-encryption.org/v1\n-> X")),
    ],
    passed: { "prod-2026-11-22T03:00:00Z.snap.age": /encrypted with age.*age -d/ },
  },
  {
    title: "Talos: not encrypted",
    objects: [
      put("prod-2026-11-21T03:00:00Z.snap", DB),
      put("prod-2026-11-22T03:00:00Z.snap.zst.age", Buffer.from("age-encryption.org/v1\n-> X")),
    ],
    chosen: "prod-2026-11-21T03:00:00Z.snap",
    layout: "talos",
    passed: { "prod-2026-11-22T03:00:00Z.snap.zst.age": /encrypted with age/ },
  },
];

const PLAIN: readonly Trap[] = [
  {
    title: "raft's own files of a v2 store, newer than the backup",
    objects: [
      put("etcd-2026-11-19.db", DB, { age: 2 * 86_400 }),
      put("v2/member/snap/0000000000000002-000000000000003f.snap", GZ),
      put("v2/member/wal/0000000000000000-0000000000000000.wal", GZ),
    ],
    chosen: "etcd-2026-11-19.db",
  },
  {
    title: "folders by date",
    objects: [
      put("2026-11-21/etcd.db", DB),
      put("2026-11-22/etcd.db", DB),
      put("2025-12-30/etcd.db", DB),
    ],
    chosen: "2026-11-22/etcd.db",
    layout: "plain",
  },
  {
    title: "year, month and day in folders of their own",
    objects: [
      put("2026/9/30/etcd.db.gz", GZ),
      put("2026/11/09/etcd.db.gz", GZ),
      put("2026/10/30/etcd.db.gz", GZ),
    ],
    chosen: "2026/11/09/etcd.db.gz",
  },
  {
    title: "a time zone in a name counts",
    objects: [
      put("etcd-2026-11-22T03:00:00+05:00.db", DB),
      put("etcd-2026-11-21T23:30:00Z.db", DB),
    ],
    chosen: "etcd-2026-11-21T23:30:00Z.db",
  },
  {
    title: "a name that lies in the future tells no time",
    objects: [put("etcd-2026-11-22.db", DB), put("etcd-2099-01-01T00:00:00Z.db", DB, { age: 9e8 })],
    chosen: "etcd-2026-11-22.db",
    onlyInFolder: true,
  },
  {
    title: "checksums, logs and signatures beside a backup are none",
    objects: [
      put("etcd-20261121-030000.db.gz", GZ),
      put("etcd-20261122-030000.db.gz.sha256", Buffer.from("0  x")),
      put("etcd-20261122-030000.db.gz.asc", Buffer.from("-----BEGIN PGP SIGNATURE-----")),
      put("etcd-backup-20261122.log", Buffer.from("failed")),
    ],
    chosen: "etcd-20261121-030000.db.gz",
  },
  {
    title: "files that a copy has not finished",
    objects: [
      put("etcd-2026-11-20.db", DB),
      put("etcd-2026-11-21.db.partial", DB),
      put("etcd-2026-11-22.db.tmp", DB),
      put(".etcd-2026-11-23.db.k3J9aZ", DB),
    ],
    chosen: "etcd-2026-11-20.db",
    passed: {
      "etcd-2026-11-21.db.partial": /still being written/,
      "etcd-2026-11-22.db.tmp": /still being written/,
      ".etcd-2026-11-23.db.k3J9aZ": /still being written/,
    },
  },
  {
    title: "an archive of certificates beside a snapshot is no backup",
    objects: [
      put("2026-11-22/etcd-pki-2026-11-22T04:00:00Z.tar.gz", MANIFESTS),
      put("2026-11-22/etcd-2026-11-22T03:00:00Z.db", DB),
    ],
    chosen: "2026-11-22/etcd-2026-11-22T03:00:00Z.db",
  },
  {
    title: "an archive with the snapshot in it is one",
    objects: [put("etcd-2026-11-22.tar.gz", TAR), put("etcd-2026-11-21.tar.gz", TAR)],
    chosen: "etcd-2026-11-22.tar.gz",
  },
  {
    title: "a packed file with something else in it",
    objects: [
      put("etcd-2026-11-21.gz", GZ),
      put("etcd-2026-11-22.gz", gzipSync(Buffer.from("a list of pods"))),
    ],
    chosen: "etcd-2026-11-21.gz",
    passed: { "etcd-2026-11-22.gz": /no backup: a gzip file, in it/ },
  },
  {
    title:
      "a server's error page that is called a backup is taken, so that the night's failure is found",
    objects: [put("etcd-2026-11-21.db", DB), put("etcd-2026-11-22.db", HTML)],
    chosen: "etcd-2026-11-22.db",
  },
  {
    title: "a backup that was cut is taken, so that the night's failure is found",
    objects: [put("etcd-2026-11-21.db", DB), put("etcd-2026-11-22.db", DB.subarray(0, 200_000))],
    chosen: "etcd-2026-11-22.db",
  },
  {
    title: "a file that still grows",
    objects: [
      put("etcd-2026-11-21.db", DB),
      put("etcd-2026-11-22.db", DB.subarray(0, 200_000), { age: 20 }),
    ],
    chosen: "etcd-2026-11-21.db",
    passed: { "etcd-2026-11-22.db": /still being copied: 195 KiB are there, .* are missing/ },
    onlyInFolder: true,
  },
  {
    title: "a file that is new and whole is taken",
    objects: [put("etcd-2026-11-21.db", DB), put("etcd-2026-11-22.db", DB, { age: 1 })],
    chosen: "etcd-2026-11-22.db",
    onlyInFolder: true,
  },
  {
    title: "a packed file that still grows",
    objects: [
      put("etcd-2026-11-21.gz", GZ),
      put("etcd-2026-11-22.gz", GZ.subarray(0, 20_000), { age: 5 }),
    ],
    chosen: "etcd-2026-11-21.gz",
    passed: { "etcd-2026-11-22.gz": /still being copied: its end is not there/ },
    onlyInFolder: true,
  },
  {
    title: "a packed file that is new and whole is taken",
    objects: [put("etcd-2026-11-21.gz", GZ), put("etcd-2026-11-22.gz", GZ, { age: 5 })],
    chosen: "etcd-2026-11-22.gz",
    onlyInFolder: true,
  },
  {
    title: "a zip that still grows",
    objects: [
      put("etcd-2026-11-21.zip", ZIP),
      put("etcd-2026-11-22.zip", ZIP.subarray(0, 200_000), { age: 5 }),
    ],
    chosen: "etcd-2026-11-21.zip",
    passed: { "etcd-2026-11-22.zip": /still being copied: its end is not there/ },
    onlyInFolder: true,
  },
  {
    title: "a zip that is new and whole is taken",
    objects: [put("etcd-2026-11-21.zip", ZIP), put("etcd-2026-11-22.zip", ZIP, { age: 5 })],
    chosen: "etcd-2026-11-22.zip",
    onlyInFolder: true,
  },
  {
    title: "a backup of another cluster, by its manifest",
    objects: [
      put("etcd-2026-11-21.db", DB),
      put("etcd-2026-11-21.db.json", manifest(UID)),
      put("etcd-2026-11-22.db.gz", GZ),
      put("etcd-2026-11-22.db.json", manifest(OTHER_UID)),
    ],
    expectedCluster: UID,
    chosen: "etcd-2026-11-21.db",
    layout: "etcd-restore",
    passed: { "etcd-2026-11-22.db.gz": /another cluster: d5b4c7aa.*expected 8c1e0c2e/ },
  },
  {
    title: "names that would steer a terminal or leave a folder",
    objects: [put("etcd-2026-11-22\u202e.db", EMPTY), put("..etcd..-2026-11-21.db", DB)],
    chosen: "..etcd..-2026-11-21.db",
    passed: { "etcd-2026-11-22\u202e.db": /empty/ },
  },
  { title: "a place with nothing in it", objects: [] },
  {
    title: "a place with nothing of ours",
    objects: [put("holiday.jpg", Buffer.from("\xff\xd8\xff")), put("notes.txt", Buffer.from("x"))],
  },
];

/** What k3s notes with its objects can be tried where there are such notes. */
export const NOTED: readonly Trap[] = [
  {
    title: "k3s: another cluster, by the id that k3s notes with the object",
    objects: [
      put("etcd-snapshot-node1-1763700000", DB, { notes: { "k3s-cluster-id": UID } }),
      put("etcd-snapshot-node1-1763786400", DB, { notes: { "k3s-cluster-id": OTHER_UID } }),
    ],
    expectedCluster: UID,
    chosen: "etcd-snapshot-node1-1763700000",
    passed: { "etcd-snapshot-node1-1763786400": /another cluster/ },
  },
  {
    title: "RKE2: the same by its own name",
    objects: [
      put("etcd-snapshot-node1-1763700000", DB, { notes: { "rke2-cluster-id": UID } }),
      put("etcd-snapshot-node1-1763786400", DB, { notes: { "rke2-cluster-id": OTHER_UID } }),
    ],
    expectedCluster: UID,
    chosen: "etcd-snapshot-node1-1763700000",
    passed: { "etcd-snapshot-node1-1763786400": /another cluster/ },
  },
];

export const TRAPS: readonly Trap[] = [
  ...GARDENER,
  ...ETCD_MANAGER,
  ...K3S,
  ...PAIRS,
  ...SINGLE,
  ...PLAIN,
];
