/** Known values of the small buckets: read in the forms that etcd writes, refused in all others, with a place and advice. */
import { afterAll, describe, expect, it } from "vitest";

import { readSnapshot, SnapshotError } from "../../../etcd/snapshot/snapshot";
import { readBase } from "../../mutation/base";
import { FORMS, withForm } from "../../mutation/kinds/forms";
import { createWorkspace } from "../../support/kubernetes-fixtures";

const workspace = createWorkspace();
afterAll(() => {
  workspace.remove();
});
const base = readBase();
let files = 0;

async function read(bytes: Buffer) {
  files += 1;
  const snapshot = await readSnapshot(workspace.write(`form-${files}.db`, bytes));
  snapshot.close();
  return snapshot;
}

describe("a known value", () => {
  it.each(FORMS.filter(({ right }) => right !== true).map((form) => [form.what, form] as const))(
    "is refused: %s",
    async (_, form) => {
      const error = await read(withForm(base, form)).catch((thrown: unknown) => thrown);
      if (!(error instanceof SnapshotError)) throw new Error("it was read", { cause: error });
      expect(error.kind).toBe("damaged");
      expect(error.message).toMatch(
        /the sha256 at its end is that of its content.*another member/i,
      );
      // Whatever the file holds, the terminal gets no control character of it.
      expect(error.message).not.toMatch(/[\x00-\x1f\x7f]/);
    },
  );

  it.each(FORMS.filter(({ right }) => right === true).map((form) => [form.what, form] as const))(
    "is read: %s",
    async (_, form) => {
      const snapshot = await read(withForm(base, form));
      expect(snapshot.trailer).toBe("matches");
    },
  );
});
