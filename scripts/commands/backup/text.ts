import type { TakenBackup } from "../../../etcd/backup/take/take-backup";
import { counted, size } from "../../../etcd/wire/figures";
import { visible } from "../../../etcd/wire/visible";

/** What was taken, for a person; its last line is the verdict. */
export function takenText(taken: TakenBackup, file: string): string {
  const { manifest, keys, revision, notes } = taken;
  const { source, kubernetes, packed, signature } = manifest;
  const line = (label: string, text: string) => `${label.padEnd(11)}${visible(text)}`;
  const pair =
    source.hashKv === undefined
      ? "not comparable"
      : `HashKV ${source.hashKv} at revision ${String(source.hashKvRevision)}, compacted to ${String(source.compactRevision)}: the same in the file`;
  return [
    line(
      "source",
      `${source.memberName ?? ""} ${source.endpoint ?? source.pod ?? ""}, etcd ${source.etcdVersion ?? "?"}`,
    ),
    line("proved", pair),
    ...(kubernetes?.uid === undefined
      ? []
      : [line("cluster", `${kubernetes.uid} ${kubernetes.version ?? ""}`)]),
    line("sha256", `${manifest.sha256}  ${size(manifest.bytes)}`),
    ...(packed === undefined
      ? []
      : [line("packed", `${packed.sha256}  ${size(packed.bytes)}, ${packed.format}`)]),
    ...(signature === undefined ? [] : [line("signed", "the manifest is signed")]),
    ...notes.map((note) => line("note", note)),
    `TAKEN  ${visible(file)}: ${counted(keys, "key")} at revision ${revision}`,
  ].join("\n");
}
