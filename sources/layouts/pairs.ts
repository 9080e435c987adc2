/** OpenShift's `cluster-backup.sh`: a snapshot and an archive of the static pods' manifests, by one time. */
import { join, problemOf, split, type Layout } from "./backup";
import { timeIn } from "./times";

const SNAPSHOT = /^snapshot_(.+)\.db(\.part)?$/;
const RESOURCES = /^static_kuberesources_(.+)\.tar\.gz$/;

export const openshift: Layout = {
  find(objects, claim) {
    const byPath = new Map(objects.map((object) => [object.path, object]));
    return objects.flatMap((object) => {
      const [folder, name] = split(object.path);
      const resources = RESOURCES.exec(name)?.[1];
      if (resources !== undefined) {
        claim(object.path);
        const path = join(folder, `snapshot_${resources}.db`);
        if (byPath.has(path) || byPath.has(`${path}.part`)) return [];
        const problem = "its other half, the snapshot, is not there";
        const named = timeIn(resources, object.modified);
        return [
          { layout: "openshift" as const, object: { ...object, path, bytes: 0 }, named, problem },
        ];
      }
      const [, time, part] = SNAPSHOT.exec(name) ?? [];
      if (time === undefined || !/\d{4}/.test(time)) return [];
      claim(object.path);
      const other = `static_kuberesources_${time}.tar.gz`;
      const beside = byPath.get(join(folder, other));
      const problem =
        part !== undefined
          ? "it is still being written (.part), or its writing broke off"
          : (problemOf(object) ??
            (beside === undefined
              ? `its other half, ${other}, is not there`
              : beside.bytes === 0
                ? `its other half, ${other}, is empty (0 bytes)`
                : undefined));
      return [
        { layout: "openshift" as const, object, named: timeIn(time, object.modified), problem },
      ];
    });
  },
};
