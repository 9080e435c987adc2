/** What `start` says after an end without a proof: the cause, and what to type again. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { badEnd, causeOf } from "../../scripts/run-end";
import { typedAgain, type StartTyped } from "../../scripts/typed-again";

const typed = (more: Partial<StartTyped>) => typedAgain({ engine: "auto", config: {}, ...more });

/** The words that a shell makes of it. */
function wordsOf(line: string): readonly string[] {
  const script = `for word in${line}; do printf '%s\\0' "$word"; done`;
  return execFileSync("bash", ["-c", script]).toString().split("\0").slice(0, -1);
}

describe("what was typed after start", () => {
  it("is nothing where nothing was", () => {
    expect(typed({})).toEqual({ start: "", stop: "", doctor: "" });
  });

  it("is repeated with every word, setting and flag; stop is told where, doctor what", () => {
    const config = {
      "etcd-restore:verification": "quick",
      "etcd-restore:labDirectory": "/mnt/lab",
    };
    expect(typed({ file: "main.db", engine: "embedded", config, json: true, quiet: true })).toEqual(
      {
        start:
          " main.db --engine embedded -c verification=quick -c labDirectory=/mnt/lab --json --quiet",
        stop: " -c labDirectory=/mnt/lab",
        doctor: " -c verification=quick -c labDirectory=/mnt/lab",
      },
    );
  });

  it("is quoted for a shell, whatever stands in it", () => {
    const file = "it's $HOME\n`id` backup.db";
    const keys = '["/registry/a b", "$(id)"]';
    const { start } = typed({ file, config: { "etcd-restore:expectedKeys": keys } });
    expect(wordsOf(start)).toEqual([file, "-c", `expectedKeys=${keys}`]);
  });

  it("never shows a secret: not a password, a key, a provider's credentials, nor a signature", () => {
    const config = {
      "etcd-restore:etcdUsername": "root",
      "etcd-restore:etcdPassword": "hunter2",
      "etcd-restore:encryptionConfig": "kind: hunter2",
      "etcd-restore:bastion": '{"privateKey":"hunter2"}',
      "etcd-restore:etcdMirror": "https://me:hunter2@mirror.example.org/etcd",
      "openstack:password": "hunter2",
    };
    const again = typed({ file: "https://example.org/main.db?signature=hunter2", config });
    expect(JSON.stringify(again)).not.toContain("hunter2");
    expect(again.start).toContain("-c etcdUsername=root -c etcdPassword=");
    expect(again.start).toContain("-c etcdMirror=https://mirror.example.org/etcd");
  });
});

it("every hint of a bad end to start again has it", () => {
  const snapshot = { file: "" };
  const run = { snapshot, level: "full", startedAt: new Date() } as const;
  const again = {
    start: " -c clientPort=1",
    stop: " -c labDirectory=x",
    doctor: " -c clientPort=1",
  };
  const urn = "urn:pulumi:local::etcd-restore::t::etcd-install";
  const ends = [130, 143, 3, 2].flatMap((code) =>
    [[], [{ message: "it failed", urn }]].map((failures) => {
      const result = { ok: false, failures } as unknown as Parameters<typeof badEnd>[0];
      return badEnd(result, code, run, again).remedy;
    }),
  );
  for (const remedy of ends) {
    expect(remedy).toMatch(/start -- -c clientPort=1`|doctor -c clientPort=1` checks/);
    expect(remedy).not.toMatch(/npm (start|stop)`/);
  }
  expect(ends[0]).toBe(
    "go on with `npm start -- -c clientPort=1`, or remove what was made with `npm stop -- -c labDirectory=x`",
  );
});

describe("the cause of an end", () => {
  it.each([
    ["a line of a program", "it fell over\nand lay there", "it fell over"],
    ["a program's error, behind what it said before", "looking\nerror: no room\n", "no room"],
    [
      "a script's error, behind its steps",
      "restore: looking at /d\nrestore: error: no room\n(exit status 3)",
      "no room",
    ],
    [
      "what happened, where one script called another",
      "restore: starting etcd\netcd-2: etcd: error: port 1 is taken\netcd-2: restore: error: etcd does not serve\nrestore: putting back",
      "etcd does not serve: port 1 is taken",
    ],
    [
      "who ran a script that was cut off",
      "restore: looking at /d\nConnection to 192.0.2.1 closed by remote host.\n(exit status 255)",
      "Connection to 192.0.2.1 closed by remote host.",
    ],
    [
      "where a script was killed",
      "restore: looking at /d\nrestore: checking /d/x (signal SIGKILL)",
      'it broke off with signal SIGKILL at "checking /d/x"',
    ],
    ["a list", "error: two are wrong:\n- a\n- b\n", "two are wrong: a (and 1 more)"],
    ["nothing", "", "no reason was given"],
  ])("is %s", (_what, message, cause) => {
    expect(causeOf(message)).toBe(cause);
  });
});
