// The reader against etcd's own program for files, on every snapshot that the tests have.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { afterAll, expect, it } from "vitest";

import { readSnapshot } from "../../../etcd/snapshot/snapshot";
import { askEtcdutl } from "../../random-stores/etcd-answers";
import { createWorkspace } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});

const FIXTURES = join(__dirname, "..", "..", "fixtures");
const SNAPSHOTS = [".", "mutation"].flatMap((folder) =>
  readdirSync(join(FIXTURES, folder))
    .filter((name) => name.endsWith(".db.gz"))
    .map((name) => join(folder, name)),
);

it.each(SNAPSHOTS)("says of %s what etcdutl 3.7 says", async (name) => {
  const bytes = gunzipSync(readFileSync(join(FIXTURES, name)));
  const file = workspace.write("fixture.db", bytes);
  const snapshot = await readSnapshot(file);
  const { hash, hashRevision, compactRevision, totalKey } = await askEtcdutl(file);
  expect({
    hash: snapshot.hashKv(),
    hashRevision: snapshot.revision,
    compactRevision: snapshot.compactRevision,
    totalKey: snapshot.live.count,
  }).toEqual({ hash, hashRevision, compactRevision: Math.max(0, compactRevision), totalKey });
  snapshot.close();
});
