/** `backup --v2`: out of a member's data directory, as etcd's admin guide of v2 does it. */
import * as path from "node:path";
import { TOOL } from "../../../etcd/report/tool";
import { takeV2, type TakenV2 } from "../../../etcd/backup/v2/take";
import { counted, grouped, size } from "../../../etcd/wire/figures";
import { visible } from "../../../etcd/wire/visible";
import { abortOnInterrupt } from "../../interrupt";
import type { GlobalOptions } from "../../options";
import { EXIT, UserError } from "../../outcome";
import { printJson, printText } from "../../terminal";
import { readSignKey } from "./sign-key";

export type FromDirectoryOptions = GlobalOptions & {
  readonly dataDir?: string;
  readonly output?: string;
  readonly withV3?: boolean;
  readonly withoutV3?: boolean;
  readonly signKey?: string;
};

/** Takes a backup and prints what was taken; returns the exit code. */
export async function backupFromDirectory(options: FromDirectoryOptions): Promise<number> {
  const { dataDir, output, signKey } = options;
  if (dataDir === undefined) {
    throw new UserError(EXIT.usage, "out of which data directory? Give --data-dir DIR");
  }
  if (output === undefined || output === "-") {
    throw new UserError(EXIT.usage, "where to? Give -o DIR, or -o FILE.tar");
  }
  const file = path.resolve(output);
  const taken = await takeV2({
    ...{ dataDirectory: path.resolve(dataDir), output: file, tool: TOOL },
    withV3: options.withV3 === true ? true : options.withoutV3 === true ? false : undefined,
    signKey: readSignKey(signKey),
    signal: abortOnInterrupt(),
  });
  if (options.json === true) printJson({ schemaVersion: 1, file, ...taken });
  else printText(takenText(taken, file));
  return EXIT.good;
}

function takenText({ manifest, notes }: TakenV2, file: string): string {
  const { source, v2, signature } = manifest;
  const line = (label: string, text: string) => `${label.padEnd(11)}${visible(text)}`;
  const keys = v2?.keys ?? 0;
  const beside = (v2?.v3Keys ?? 0) > 0 ? `, and ${counted(v2?.v3Keys ?? 0, "v3 key")}` : "";
  return [
    line("source", `${source.dataDirectory ?? ""}, etcd ${source.etcdVersion ?? "?"}`),
    line("proved", "read again from end to end: every key and index as in the source"),
    line(
      "holds",
      `${counted(keys, "v2 key")} in ${counted(v2?.folders ?? 0, "folder")}, ${grouped(v2?.hidden ?? 0)} hidden, ` +
        `${grouped(v2?.withTtl ?? 0)} with a time to live${beside}`,
    ),
    line("sha256", `${manifest.sha256}  ${size(manifest.bytes)}, as it is restored`),
    ...(signature === undefined ? [] : [line("signed", "the manifest is signed")]),
    ...notes.map((note) => line("note", note)),
    `TAKEN  ${visible(file)}: ${counted(keys, "v2 key")} at index ${v2?.index ?? 0}`,
  ].join("\n");
}
