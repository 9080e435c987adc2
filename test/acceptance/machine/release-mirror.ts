/** A mirror of etcd's releases: the real programs, packed as upstream packs them. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import type { RequestListener } from "node:http";
import * as os from "node:os";
import * as path from "node:path";
import { ensureEtcd } from "../../../machine/programs/programs";
import { platform } from "../../../machine/programs/version";

export interface ReleaseMirror {
  readonly version: string;
  /** Of the tarball below the mirror's URL, as on the official site. */
  readonly path: string;
  readonly sha256: string;
  /** The tarball itself. */
  readonly file: string;
  readonly serve: RequestListener;
  remove(): void;
}

/** Packs the newest programs of a minor version that are to be had here. */
export async function releaseMirror(minor: string): Promise<ReleaseMirror> {
  const { version, etcd, etcdctl, etcdutl } = await ensureEtcd(minor);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "etcd-restore-mirror-"));
  const name = `etcd-v${version}-${platform()}`;
  fs.mkdirSync(path.join(directory, name));
  for (const program of [etcd, etcdctl, etcdutl]) {
    fs.copyFileSync(program, path.join(directory, name, path.basename(program)));
  }
  const tarball = path.join(directory, `${name}.tar.gz`);
  execFileSync("tar", ["-C", directory, "-I", "gzip -1", "-cf", tarball, name]);
  const published = `/v${version}/${name}.tar.gz`;
  return {
    version,
    path: published,
    sha256: createHash("sha256").update(fs.readFileSync(tarball)).digest("hex"),
    file: tarball,
    serve: ({ url }, response) => {
      if (url === published) fs.createReadStream(tarball).pipe(response);
      else response.writeHead(404).end();
    },
    remove: () => {
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}
