/** Backups of everybody else: files and folders by date, told by their names' ends; and those of `etcd-restore backup`. */
import type { StoredObject } from "../store";
import { problemOf, split, type Found, type Layout } from "./backup";
import { problemOfAge } from "./single";
import { timeIn } from "./times";

/** Ends of names under which something is still being written, by etcdctl and those who copy. */
const UNFINISHED =
  /\.(part|partial|filepart|tmp|temp|incomplete|inprogress|uploading|crdownload)$|^\..+\.[A-Za-z0-9]{6}$/i;
const DATABASE = /\.(db|snap|snapshot|backup|bak|etcd|etcdsnap)$/i;
/** A file of raft's own in a data directory or a backup of the v2 store (etcd `server/etcdserver/api/snap`): never a backup alone. */
const RAFT = /^[0-9a-f]{16}-[0-9a-f]{16}\.(snap|wal)$/i;
const PACKED = /\.(gz|zst|zstd|xz|bz2|zip|zlib)$/i;
const ARCHIVE = /\.(tar|tgz|txz|tzst|tar\.(gz|zst|xz|bz2))$/i;
const CIPHER = /\.(age|gpg|pgp|enc)$/i;
/** Without an end, a name must say what it is. */
const SAYS_SO = /etcd|snapshot|backup/i;
/** What lies beside backups and is none. */
const BESIDE =
  /\.(json|ya?ml|txt|log|md|sha\d*|sha\d+sum|md5|sum|sig|asc|pub|crt|pem|key|sh|meta|html|lock)$/i;

export const plain: Layout = {
  find(objects, claim) {
    const byPath = new Map(objects.map((object) => [object.path, object]));
    const candidates = objects.filter(({ path }) => isCandidate(path, byPath));
    // In a folder with a snapshot, an archive holds something else: manifests, certificates.
    const withSnapshot = new Set(
      candidates.filter(({ path }) => !ARCHIVE.test(stem(path))).map(({ path }) => split(path)[0]),
    );
    return candidates.flatMap((object) => {
      const [folder] = split(object.path);
      if (ARCHIVE.test(stem(object.path)) && withSnapshot.has(folder)) return [];
      claim(object.path);
      return [foundPlain(object, byPath)];
    });
  },
};

/** A name without the end that says that it is not finished. */
function stem(path: string): string {
  return path.replace(UNFINISHED, "");
}

function isCandidate(path: string, all: ReadonlyMap<string, StoredObject>): boolean {
  const [folder, name] = split(path);
  const bare = stem(name).replace(CIPHER, "");
  if (all.has(folder) || RAFT.test(name)) return false;
  if (UNFINISHED.test(name) && (bare === "" || name.startsWith("."))) return SAYS_SO.test(name);
  if (BESIDE.test(bare)) return false;
  if (DATABASE.test(bare) || ARCHIVE.test(bare)) return true;
  if (PACKED.test(bare)) return !BESIDE.test(bare.replace(PACKED, ""));
  return !bare.startsWith(".") && SAYS_SO.test(bare) && !/\.[a-z]{2,4}$/i.test(bare);
}

function foundPlain(object: StoredObject, all: ReadonlyMap<string, StoredObject>): Found {
  const { path, modified } = object;
  const manifest = all.get(`${path}.json`) ?? all.get(`${path.replace(PACKED, "")}.json`);
  const [, name] = split(path);
  const unfinished = UNFINISHED.test(name)
    ? `it is still being written (${/\.\w+$/.exec(name)?.[0] ?? name}), or its writing broke off`
    : undefined;
  const cipher = CIPHER.exec(path)?.[1]?.toLowerCase();
  const encrypted =
    cipher === undefined
      ? undefined
      : cipher === "age"
        ? problemOfAge()
        : `it is encrypted (.${cipher}): decrypt it first`;
  return {
    layout: manifest === undefined ? "plain" : "etcd-restore",
    object,
    manifest,
    named: timeIn(path, modified),
    problem: unfinished ?? problemOf(object) ?? encrypted,
  };
}

/** An object that was named itself. */
export function onlyOne(object: StoredObject): Found {
  return foundPlain(object, new Map());
}

/** Whether a name alone says that it is a backup, whatever the bytes say. */
export function isCalledBackup(path: string): boolean {
  return DATABASE.test(stem(path).replace(PACKED, ""));
}
