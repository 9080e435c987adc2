/** Layouts of one object a backup, told by its name: k3s and RKE2, HyperShift, Talos. */
import { ageIdentityFile } from "../../etcd/backup/age-identity";
import type { StoredObject } from "../store";
import { join, problemOf, split, type Found, type Layout } from "./backup";
import { timeIn } from "./times";

/**
 * k3s and RKE2: `<name>-<node>-<unix>[.zip]`, and `.metadata/<name>` with what the user wanted noted (pkg/etcd/s3); on
 * a server's own disk `.metadata` lies beside the folder of the snapshots.
 */
export const k3s: Layout = {
  find(objects, claim) {
    const metadata = new Set<string>();
    for (const { path } of objects) {
      const [folder, name] = split(path);
      const [above, last] = split(folder);
      if (last !== ".metadata") continue;
      claim(path);
      metadata.add(join(above, name)).add(join(join(above, "snapshots"), name));
    }
    return objects.flatMap((object) => {
      const [folder, name] = split(object.path);
      if (split(folder)[1] === ".metadata") return [];
      const isNamed = /^(etcd-snapshot|on-demand)-.+-1\d{9}(\.zip)?$/.test(name);
      if (!isNamed && !metadata.has(object.path)) return [];
      claim(object.path);
      return [found("k3s", object, timeIn(name, undefined))];
    });
  },
};

/** HyperShift: `<prefix>/<unix>.db`. */
export const hypershift: Layout = {
  find(objects, claim) {
    return objects.flatMap((object) => {
      const [, name] = split(object.path);
      if (!/^1[4-9]\d{8}\.db$/.test(name)) return [];
      claim(object.path);
      return [found("hypershift", object, timeIn(name, undefined))];
    });
  },
};

const TALOS = /^(.+?)-(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\.snap(\.zst)?(\.age)?$/;

/** talos-backup: `<cluster>-<RFC 3339>.snap[.zst][.age]`; age is its default. */
export const talos: Layout = {
  find(objects, claim) {
    return objects.flatMap((object) => {
      const [, name] = split(object.path);
      const [, cluster, time = "", , age] = TALOS.exec(name) ?? [];
      if (cluster === undefined) return [];
      claim(object.path);
      const encrypted = age === undefined ? undefined : problemOfAge();
      const problem = problemOf(object) ?? encrypted;
      return [{ ...found("talos", object, timeIn(time, undefined)), cluster, problem }];
    });
  },
};

/** Why what is encrypted with age cannot be read; undefined where its identity was given. */
export function problemOfAge(): string | undefined {
  return ageIdentityFile() !== undefined
    ? undefined
    : "it is encrypted with age: give its identity file with --age-identity (ETCD_RESTORE_AGE_IDENTITY), or decrypt it first (age -d -i KEYFILE)";
}

function found(layout: Found["layout"], object: StoredObject, named: Date | undefined): Found {
  return { layout, object, named, problem: problemOf(object) };
}
