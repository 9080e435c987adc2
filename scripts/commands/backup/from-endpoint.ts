/** `backup --endpoint`: asks the members, takes the snapshot of one of them, and says what was taken. */
import * as path from "node:path";
import {
  askMembers,
  type AskedMember,
  type Candidate,
} from "../../../etcd/backup/take/ask-members";
import { compareMembers, type Disagreement } from "../../../etcd/backup/take/compare-members";
import { chooseMember, manifestMember } from "../../../etcd/backup/take/choose-member";
import { takeBackup, takeBackupTo, type TakenBackup } from "../../../etcd/backup/take/take-backup";
import type { TakeRequest } from "../../../etcd/backup/take/take-request";
import { openMember } from "../../../etcd/client/member-client";
import { findEndpoints, type EndpointsOptions } from "../../endpoints";
import { abortOnInterrupt } from "../../interrupt";
import type { GlobalOptions } from "../../options";
import { EXIT, UserError } from "../../outcome";
import { printJson, printText, say as sayLine } from "../../terminal";
import { rateLines } from "./rate-lines";
import { readSignKey } from "./sign-key";
import { takenText } from "./text";

export type BackupOptions = GlobalOptions &
  EndpointsOptions & {
    readonly output: string;
    readonly member?: string;
    readonly signKey?: string;
    readonly overwrite?: boolean;
  };

/** Takes a backup and prints what was taken; returns the exit code. */
export async function backupFromEndpoint(options: BackupOptions): Promise<number> {
  const toStdout = options.output === "-";
  if (toStdout && options.json === true) {
    throw new UserError(EXIT.usage, "--json and -o - both want stdout; give one of them");
  }
  if (toStdout && process.stdout.isTTY) {
    throw new UserError(
      EXIT.usage,
      "-o - writes a snapshot to stdout, which is a terminal; pipe it somewhere",
    );
  }
  const signal = abortOnInterrupt();
  const endpoints = await findEndpoints(options);
  if (
    endpoints.some(({ username, password }) => username !== undefined && password === undefined)
  ) {
    throw new UserError(
      EXIT.usage,
      "the user needs a password: give --password-file FILE, --password-stdin or ETCDCTL_PASSWORD",
    );
  }
  const candidates = endpoints.map((endpoint) => ({
    endpoint: endpoint.url,
    client: openMember(endpoint, signal),
  }));
  try {
    const { members, disagreement } = await ask(candidates, signal);
    const chosen = chooseMember(members, disagreement, options.member);
    const say =
      options.quiet === true
        ? () => undefined
        : (line: string) => {
            sayLine(line);
          };
    tellMembers(members, disagreement, say);
    const request = {
      source: chosen.client,
      from: { endpoint: chosen.endpoint, memberName: chosen.name },
      members: members.map(manifestMember),
      signKey: readSignKey(options.signKey),
      signal,
      onProgress: rateLines(`taking the snapshot of ${chosen.name}`, say),
    };
    return await take(request, options, say);
  } finally {
    for (const { client } of candidates) client.close();
  }
}

async function ask(candidates: readonly Candidate[], signal: AbortSignal) {
  const members = await askMembers(candidates);
  return members.length === 1
    ? { members, disagreement: undefined }
    : { disagreement: undefined, ...(await compareMembers(members, signal)) };
}

async function take(
  request: Omit<TakeRequest, "file" | "overwrite">,
  options: BackupOptions,
  say: (line: string) => void,
): Promise<number> {
  if (options.output === "-") {
    const taken = await takeBackupTo(process.stdout, request);
    say(takenText(taken, "stdout"));
    sayLine(JSON.stringify(taken.manifest));
    return EXIT.good;
  }
  const file = path.resolve(options.output);
  const taken = await takeBackup({ ...request, file, overwrite: options.overwrite });
  print(taken, file, options);
  return EXIT.good;
}

function print(taken: TakenBackup, file: string, { json }: BackupOptions): void {
  const { manifest, keys, revision, notes } = taken;
  const output = { schemaVersion: 1, file, keys, revision, manifest, notes };
  if (json === true) printJson(output);
  else printText(takenText(taken, file));
}

/** Who said what, where several were asked. */
function tellMembers(
  members: readonly AskedMember[],
  disagreement: Disagreement | undefined,
  say: (line: string) => void,
): void {
  if (disagreement !== undefined) {
    say(
      `ALARM: the members do not hold the same, ${disagreement.words}; the backup of the named one is taken all the same`,
    );
  }
  if (members.length === 1) return;
  for (const member of members.map(manifestMember)) {
    const hash =
      member.hash === undefined ? "" : `, HashKV ${member.hash.hashKv} at ${member.hash.revision}`;
    const problem = member.problem === undefined ? "" : ` (${member.problem})`;
    say(`${member.name ?? member.endpoint}: ${member.role ?? "not asked"}${hash}${problem}`);
  }
}
