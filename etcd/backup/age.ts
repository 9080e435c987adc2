/**
 * Backups that are encrypted with age (age-encryption.org/v1), as talos-backup writes them by default. A key is never told,
 * and neither is a line of the file that it should be in.
 */
import { readPlainText } from "../../files/plain-file";
import { SnapshotError } from "../snapshot/snapshot-error";
import { AGE_IDENTITY, ageIdentityFile } from "./age-identity";
import { DamageError } from "./damage";
import { libraries } from "./libraries";
import { byWebStream, peek, unpackedBy, type Bytes } from "./streams";

const MAGIC = Buffer.from("age-encryption.org/v1\n");
/** A recipient's stanza takes some hundred bytes, and a file has a few of them: one whose header goes on is a trap. */
const MOST_HEADER_BYTES = 65_536;
const MAC = "\n--- ";

/** Whether a file that begins so is encrypted with age, and there is something to open it with. */
export function canOpenAge(head: Buffer, env = process.env): boolean {
  return ageIdentityFile(env) !== undefined && head.subarray(0, MAGIC.length).equals(MAGIC);
}

/** None of the identities is one that the file was encrypted for. */
export class NoIdentityError extends Error {}

/**
 * What an encrypted file holds, piece by piece: each piece was authenticated before it is given, and the last one says that
 * it is the last. Memory does not grow with it.
 * @param name of the backup, for the error about the identity file
 * @throws DamageError, NoIdentityError; SnapshotError when the identity file holds none
 */
export async function* decryptAge(name: string, encrypted: Bytes, env = process.env): Bytes {
  const decrypter = new (libraries.age().Decrypter)();
  addIdentities(decrypter, name, ageIdentityFile(env) ?? "");
  const { head, all } = await peek(encrypted, MOST_HEADER_BYTES);
  if (head.subarray(0, MOST_HEADER_BYTES).indexOf(MAC) < 0) {
    throw new DamageError("the end of its header is not there: it is damaged or cut off");
  }
  yield* unpackedBy(
    all,
    (source) => byWebStream(source, (stream) => decrypter.decrypt(stream)),
    (error) => {
      const { message } = error instanceof Error ? error : new Error(String(error));
      return message.startsWith("no identity matched")
        ? new NoIdentityError("none of the identities is one that it was encrypted for")
        : new DamageError(`it is damaged or cut off, or was not copied to its end (${message})`);
    },
  );
}

type AgeDecrypter = InstanceType<ReturnType<typeof libraries.age>["Decrypter"]>;

/** As `age-keygen` writes them: a key in each line, and comments. */
function addIdentities(decrypter: AgeDecrypter, name: string, file: string): void {
  const refused = (why: string) =>
    new SnapshotError(
      name,
      `it is encrypted with age, and the identity file ${file} (--age-identity, ${AGE_IDENTITY}) ${why}`,
    );
  let text: string;
  try {
    text = readPlainText(file);
  } catch (error) {
    throw refused(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (text.startsWith("age-encryption.org/") || text.startsWith("-----BEGIN AGE ENCRYPTED")) {
    throw refused("is itself encrypted: decrypt it first (age -d), and name what comes out");
  }
  let found = 0;
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const key = line.trim();
    if (key === "" || key.startsWith("#")) continue;
    try {
      decrypter.addIdentity(key);
      found += 1;
    } catch {
      throw refused(
        `has a line that is no age identity: line ${at + 1}. It must be as age-keygen writes it`,
      );
    }
  }
  if (found === 0) throw refused("holds no identity: no line begins with AGE-SECRET-KEY-1");
}
