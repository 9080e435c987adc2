/** Members whose answers come at moments that no real cluster can be held to. */
import { describe, expect, it } from "vitest";
import { askMembers } from "../../../../etcd/backup/take/ask-members";
import { chooseMember } from "../../../../etcd/backup/take/choose-member";
import { compareMembers } from "../../../../etcd/backup/take/compare-members";
import { EtcdError } from "../../../../etcd/client/etcd-error";
import type { MemberClient } from "../../../../etcd/client/member-client";

/** What a member has, when it is asked for its status and its hash for the nth time. */
interface Moment {
  readonly revision: number;
  /** What it is compacted to when it is asked for a hash then. */
  readonly compacted: number;
}

/** The last moment stays; the first member leads. */
function member(id: number, moments: readonly Moment[]) {
  let asked = -1;
  const now = (): Moment => {
    const moment = moments[Math.min(asked, moments.length - 1)];
    if (moment === undefined) throw new Error("it was not asked for its status first");
    return moment;
  };
  const client: MemberClient = {
    status: () => {
      asked += 1;
      return Promise.resolve({
        ...{ version: "3.6.16", clusterId: 7n, memberId: BigInt(id), leader: 1n },
        ...{ revision: now().revision, dbBytes: 4096, dbBytesInUse: 4096 },
        ...{ raftIndex: BigInt(now().revision), appliedIndex: BigInt(now().revision) },
        ...{ isLearner: false, errors: [] },
      });
    },
    hashKv: (revision) => {
      const { compacted } = now();
      if (revision < compacted) {
        return Promise.reject(new EtcdError("compacted", `revision ${revision} is compacted`));
      }
      return Promise.resolve({ hash: revision, compactRevision: compacted, revision });
    },
    members: () => Promise.resolve([]),
    alarms: () => Promise.resolve([]),
    snapshot: () => {
      throw new Error("nobody takes it");
    },
    close: () => undefined,
  };
  return { endpoint: `http://127.0.0.1:${id}`, client };
}

const chosenOf = async (candidates: readonly ReturnType<typeof member>[]) => {
  const { members, disagreement } = await compareMembers(await askMembers(candidates));
  const chosen = chooseMember(members, disagreement).endpoint.replace(/.*:/, "");
  return { chosen, reasons: members.map(({ notCompared }) => notCompared) };
};

const AHEAD = { revision: 210, compacted: 200 };

describe("members of which one was behind when it was first asked", () => {
  it("are compared once it has caught up, and a follower is taken", async () => {
    const late = [{ revision: 100, compacted: 50 }, AHEAD];
    const looked = await chosenOf([member(1, [AHEAD]), member(2, late), member(3, late)]);
    expect(looked).toEqual({ chosen: "2", reasons: [undefined, undefined, undefined] });
  });

  it("are compared where only the answers were old, before a compaction that all have carried out", async () => {
    const old = [{ revision: 100, compacted: 200 }, AHEAD];
    const looked = await chosenOf([member(1, [AHEAD]), member(2, old), member(3, old)]);
    expect(looked).toEqual({ chosen: "2", reasons: [undefined, undefined, undefined] });
  });

  it("leave it out where it stays behind, and say so; of the leader alone a backup is taken", async () => {
    const behind = [{ revision: 100, compacted: 50 }];
    const reason = "it is behind: at revision 100, which others have compacted already";
    const looked = await chosenOf([member(1, [AHEAD]), member(2, behind), member(3, behind)]);
    expect(looked).toEqual({ chosen: "1", reasons: [undefined, reason, reason] });
  });
});
