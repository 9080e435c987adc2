/**
 * etcd-manager, which kops uses: `<RFC 3339>-<number>/etcd.backup.gz` with `_etcd_backup.meta` beside it, which is
 * written last (its pkg/backup/vfs.go).
 */
import { join, problemOf, split, type Layout } from "./backup";
import { timeIn } from "./times";

const DATA = /^etcd\.backup(\.gz)?$/;
const META = "_etcd_backup.meta";
/** What etcd-manager keeps for itself beside the backups. */
const CONTROL = /(^|\/)control\/etcd-cluster-(created|spec)$/;
const FOLDER = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ-\d+$/;

export const kops: Layout = {
  find(objects, claim) {
    const there = new Set(objects.map(({ path }) => path));
    const byPath = new Map(objects.map((object) => [object.path, object]));
    for (const { path } of objects) {
      const [folder, name] = split(path);
      if (FOLDER.test(split(folder)[1]) || name === META || CONTROL.test(path)) claim(path);
    }
    return objects.flatMap((object) => {
      const [folder, name] = split(object.path);
      const [above, dated] = split(folder);
      const meta = byPath.get(join(folder, META));
      if (!DATA.test(name)) {
        // The other half alone.
        const isAlone =
          name === META && ["", ".gz"].every((end) => !there.has(`${folder}/etcd.backup${end}`));
        if (!isAlone) return [];
        const absent = { ...object, path: join(folder, "etcd.backup.gz"), bytes: 0 };
        const problem = "its other half, etcd.backup.gz, is not there";
        return [{ ...about(above, dated), object: absent, problem }];
      }
      if (!FOLDER.test(dated) && meta === undefined) return [];
      claim(object.path);
      const problem =
        problemOf(object) ??
        (meta === undefined
          ? `its other half, ${META}, is not there: it is written when the backup is whole`
          : meta.bytes === 0
            ? `its other half, ${META}, is empty (0 bytes)`
            : undefined);
      return [{ ...about(above, dated), object, problem }];
    });
  },
};

function about(above: string, dated: string) {
  return {
    layout: "kops" as const,
    named: timeIn(dated.replace(/-\d+$/, ""), undefined),
    cluster: above === "" ? undefined : above,
  };
}
