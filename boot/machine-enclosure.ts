/**
 * A place for a clone on another machine, over SSH: cut off there as it is here, under the user that logs in. What the
 * programs are, they are copied over; nothing of it stays.
 */
import { readFileSync, statSync } from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { sha256OfFile } from "../etcd/backup/place";
import { size } from "../etcd/wire/figures";
import { MachineError } from "../machine/machine-error";
import { shellLine } from "../machine/shell/quote";
import { copyFile, must, reconnecting, type Connection } from "../machine/ssh/ssh-copy";
import type { SshRoute } from "../machine/ssh/ssh-files";
import type { SshSession } from "../machine/ssh/ssh-session";
import type { Enclosure, Isolation } from "./enclosure";
import { makeFolder, removeFolder } from "./leftovers";
import { orderly, programsOf, type Orders, type Place } from "./orders";

const KEEPER = path.join(__dirname, "keeper.py");
/** Survives no reboot of the machine for long, and is a disk, where /tmp may be memory. */
const BASE = "/var/tmp/etcd-restore-clones";
/**
 * What an API server and an etcd take: an API server alone 0.3 GB, and of a store of 320 MB with 300,000 objects, which it
 * holds decoded, 2.4 GB; etcd the store itself, twice.
 */
const PROGRAM_BYTES = 1.25 * 2 ** 30;
const STORES_IN_MEMORY = 7;
const NEEDED = ["python3", "unshare", "ip", "setpriv"];

/** What is asked of the machine. */
export interface MachinePlace {
  readonly route: SshRoute;
  /** Of the backup. */
  readonly bytes: number;
  /** Folder on this computer for what this process keeps itself; what killed runs left there goes. */
  readonly base: string;
  /** Told what is copied. */
  readonly tell: (line: string) => void;
}

/**
 * Makes the place.
 * @throws MachineError when it cannot be made there, before anything is: other processors than here, too little memory
 */
export async function openMachineEnclosure(
  { route, bytes, base, tell }: MachinePlace,
  signal: AbortSignal,
): Promise<Enclosure> {
  const connection = reconnecting(route, signal);
  const near = await makeFolder(base);
  let orders: Orders | undefined;
  const close = async () => {
    await orders?.finish();
    await connection.close();
    await removeFolder(base, near);
  };
  try {
    const session = await connection.session();
    await assertFit(session, route, bytes);
    orders = orderly(session.begin(keeperLine(), () => undefined));
    const { folder } = await orders.ready;
    if (typeof folder !== "string" || !/^[\w./-]+$/.test(folder)) {
      throw new MachineError("environment", `${route.host} made no folder for a clone`);
    }
    const given = orders;
    const give: Give = (order) => given.give(order);
    const isolation: Isolation = { network: "namespace", machine: route.host };
    const place = placeOf(session, near, folder, give);
    const bring = bringer(connection, folder, { give, tell });
    return {
      ...{ folder, near, isolation, bring, close },
      async makeFolder(name) {
        const made = path.posix.join(folder, name);
        await give({ do: "folder", path: made });
        return made;
      },
      async write(file, text) {
        await give({ do: "write", path: file, text });
      },
      async release(brought) {
        await give({ do: "remove", path: brought });
      },
      ...programsOf(given, place, signal),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Gives an order to the keeper. */
type Give = Orders["give"];

/** How the folder of a clone there is looked into. @param near folder on this computer for the sockets that lead there */
function placeOf(session: SshSession, near: string, folder: string, give: Give): Place {
  let sockets = 0;
  return {
    folder,
    async near(socket) {
      sockets += 1;
      const here = path.join(near, `${sockets}.sock`);
      await session.forward(here, socket);
      return here;
    },
    async tail(file, lines) {
      const { lines: told } = await give({ do: "tail", path: file, lines });
      return Array.isArray(told) ? told.map(String) : [];
    },
  };
}

/** Copies files of this computer into the folder of a clone there. */
function bringer(
  connection: Connection,
  folder: string,
  { give, tell }: Pick<MachinePlace, "tell"> & { readonly give: Give },
): Enclosure["bring"] {
  let files = 0;
  return async (file) => {
    files += 1;
    const own = path.posix.join(folder, `brought-${files}`);
    await give({ do: "folder", path: own });
    const title = path.basename(file);
    // Under its own name: there are programs that are one file, and are told by it what they shall be.
    const to = path.posix.join(own, title);
    const wanted = { from: file, to, sha256: await sha256OfFile(file), title };
    await copyFile(connection, wanted, (done, total) => {
      tell(`copying ${title}: ${Math.round((100 * done) / total)} %`);
    });
    const mode = (statSync(file).mode & 0o100) === 0 ? "600" : "700";
    await must(connection, shellLine("chmod", mode, "--", to));
    return to;
  };
}

/** The shell line that runs the keeper there, cut off from every network, as the user that logs in. */
function keeperLine(): string {
  const enter =
    'ip link set lo up && exec setpriv --reuid "$1" --regid "$2" --clear-groups --no-new-privs ' +
    '--inh-caps=-all python3 -c "$3" "$4"';
  const unshare = ["sudo", "unshare", "--net", "--pid", "--fork", "--kill-child"];
  const source = readFileSync(KEEPER, "utf8");
  const words = shellLine(...unshare, "sh", "-c", enter, "sh");
  return `${words} "$(id -u)" "$(id -g)" ${shellLine(source, BASE)}`;
}

/** @throws MachineError with what the machine lacks */
async function assertFit(session: SshSession, route: SshRoute, bytes: number): Promise<void> {
  const asked = `uname -m; awk '/^MemAvailable:/ {print $2}' /proc/meminfo; command -v ${NEEDED.join(" ")}`;
  const { stdout } = await session.run(asked);
  const [processor = "", free = "", ...found] = stdout.trim().split("\n");
  const lacking = NEEDED.filter((name) => !found.some((file) => path.basename(file) === name));
  const here = os.machine();
  const needed = PROGRAM_BYTES + STORES_IN_MEMORY * bytes;
  const problems = [
    ...(processor === here
      ? []
      : [`it has ${processor}, this computer's programs are for ${here}`]),
    ...lacking.map((name) => `it has no ${name}`),
    ...(Number(free) * 1024 >= needed
      ? []
      : [`it has ${size(Number(free) * 1024)} of free memory, the clone needs ${size(needed)}`]),
  ];
  if (problems.length === 0) return;
  throw new MachineError(
    "environment",
    `a clone cannot be made on ${route.host}: ${problems.join("; ")} (kubernetesOn: here makes it on this computer)`,
  );
}
