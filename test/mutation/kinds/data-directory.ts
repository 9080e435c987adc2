/** A database in a data directory whose write-ahead log is of another time or another store: what copying `db` makes. */
import { execFile as execFileCallback } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import type { EtcdPrograms } from "../../../machine/programs/programs";
import { startEtcdServer } from "../../support/etcd-server";
import type { Backup, Base } from "../base";
import { QUICK_START } from "../judge";
import { databaseOf, type DirectoryMutant, type Kind } from "../mutant";

const execFile = promisify(execFileCallback);

/** A data directory that `etcdutl` restored a backup to, and in which an etcd then wrote so many keys. */
async function lived(
  directory: string,
  backup: Backup | undefined,
  puts: number,
  scratch: string,
  programs: EtcdPrograms,
): Promise<void> {
  const peer = "http://127.0.0.1:2380";
  if (backup !== undefined) {
    const file = join(scratch, `${backup.name}.db`);
    await writeFile(file, backup.file);
    await execFile(programs.etcdutl, [
      ...["snapshot", "restore", file, "--data-dir", directory, "--name", "test"],
      ...["--initial-cluster", `test=${peer}`, "--initial-advertise-peer-urls", peer],
    ]);
  }
  if (puts === 0 && backup !== undefined) return;
  const server = await startEtcdServer({ dataDirectory: directory, flags: QUICK_START });
  try {
    for (let i = 0; i < puts; i++) await server.etcdctl("put", `/stale/${i}`, `written later ${i}`);
  } finally {
    await server.stop();
  }
}

const database = (directory: string) => join(directory, "member", "snap", "db");

/** The database of a restore of a backup: with its content, and a raft index of its own. */
async function restoredDatabase(
  backup: Backup,
  scratch: string,
  programs: EtcdPrograms,
): Promise<Buffer> {
  const directory = join(scratch, "restored");
  await lived(directory, backup, 0, scratch, programs);
  return readFile(database(directory));
}

/** The backup's own database, whose raft index is the source's; and that of its restore, which a newer WAL blends. */
function copied(title: string, puts: number, from: (base: Base) => Backup | undefined) {
  return (base: Base): readonly DirectoryMutant[] =>
    [false, true].map((restored) => ({
      place: `${title}, ${puts} writes, ${restored ? "the restore's database" : "the database as saved"}`,
      async fill(directory, scratch, programs) {
        await lived(directory, from(base), puts, scratch, programs);
        const bytes = restored
          ? await restoredDatabase(base.good, scratch, programs)
          : databaseOf(base.good.file);
        await writeFile(database(directory), bytes);
      },
    }));
}

const COUNTS = [0, 1, 3, 10];

export const DATA_DIRECTORY: readonly Kind[] = [
  {
    id: "wal-other",
    title: "the backup's database over the WAL of another store",
    mutants: (base) => [
      ...[1, 3, 10, 30].flatMap((puts) =>
        copied("an etcd that began empty", puts, () => undefined)(base),
      ),
      ...COUNTS.flatMap((puts) =>
        copied("another cluster's backup", puts, ({ other }) => other)(base),
      ),
    ],
  },
  {
    id: "wal-older",
    title: "the backup's database over the WAL of an older backup's restore",
    mutants: (base) =>
      [0, 2].flatMap((n) =>
        COUNTS.flatMap((puts) => copied(`older backup ${n}`, puts, ({ older }) => older[n])(base)),
      ),
  },
  {
    id: "wal-newer",
    title: "the backup's database over the WAL of its own restore, which had moved on",
    mutants: (base) =>
      COUNTS.slice(1).flatMap((puts) => copied("the same backup", puts, ({ good }) => good)(base)),
  },
  {
    id: "db-older",
    title: "an older database under the WAL of the restore",
    mutants: (base) =>
      base.older.flatMap((backup) =>
        [0, 2].map((puts) => ({
          place: `${backup.name} under it, ${puts} writes`,
          async fill(directory: string, scratch: string, programs: EtcdPrograms) {
            await lived(directory, base.good, puts, scratch, programs);
            await writeFile(database(directory), await restoredDatabase(backup, scratch, programs));
          },
        })),
      ),
  },
  {
    id: "db-trailer",
    title: "the file itself as database, with its trailer, or half of it",
    mutants: ({ good }) =>
      [good.file.length, 4096 * 30, 4096 * 50 + 17, 4096].map((bytes) => ({
        place: `${bytes} of ${good.file.length} bytes`,
        async fill(directory: string, scratch: string, programs: EtcdPrograms) {
          await lived(directory, good, 0, scratch, programs);
          await writeFile(database(directory), good.file.subarray(0, bytes));
        },
      })),
  },
  {
    id: "wal-lost",
    title: "the database alone, without the WAL of the restore",
    mutants: ({ good }) => [
      {
        place: "no WAL, no snapshot",
        async fill(directory) {
          await mkdir(join(directory, "member", "snap"), { recursive: true });
          await writeFile(database(directory), databaseOf(good.file));
        },
      },
      {
        place: "an empty WAL directory",
        async fill(directory, scratch, programs) {
          await lived(directory, good, 0, scratch, programs);
          await rm(join(directory, "member", "wal"), { recursive: true });
          await mkdir(join(directory, "member", "wal"));
        },
      },
      {
        place: "the WAL of another member's restore",
        async fill(directory, scratch, programs) {
          await lived(directory, good, 0, scratch, programs);
          const other = join(scratch, "other");
          await lived(other, undefined, 2, scratch, programs);
          await rm(join(directory, "member", "wal"), { recursive: true });
          await cp(join(other, "member", "wal"), join(directory, "member", "wal"), {
            recursive: true,
          });
        },
      },
    ],
  },
];
