/** A real etcd with a v2 store in it, and what that answers. */
import { once } from "node:events";
import * as http from "node:http";
import { startEtcdServer, type EtcdServer, type EtcdServerOptions } from "./etcd-server";

/** A key or folder, as etcd answers. */
export interface AnsweredNode {
  readonly key?: string;
  readonly value?: string;
  readonly expiration?: string;
  readonly createdIndex?: number;
  readonly modifiedIndex?: number;
  readonly nodes?: readonly AnsweredNode[];
}

/**
 * Etcd with its v2 store switched on; it takes a snapshot after every so many requests.
 * @param more what else is said of it. Default: it is 3.5
 */
export function startV2Server(
  dataDirectory: string,
  snapshotCount: number,
  { flags = [], ...more }: Omit<EtcdServerOptions, "dataDirectory" | "snapshot"> = {},
): Promise<EtcdServer> {
  const own = ["--enable-v2=true", "--snapshot-count", String(snapshotCount), ...flags];
  return startEtcdServer({ version: "3.5", ...more, dataDirectory, flags: own });
}

/** Asks a v2 store, of 127.0.0.1 and without TLS; fails unless the answer is a good one. */
export function v2Requests(url: string) {
  const agent = new http.Agent({ keepAlive: true });
  const ask = async (method: string, key: string, form: Readonly<Record<string, string>> = {}) => {
    const path = key.split("/").map(encodeURIComponent).join("/");
    const body = new URLSearchParams(form).toString();
    const isRead = method === "GET";
    const question = isRead && body !== "" ? `?${body}` : "";
    const request = http.request(`${url}/v2/keys${path}${question}`, {
      ...{ method, agent },
      headers: isRead ? {} : { "content-type": "application/x-www-form-urlencoded" },
    });
    request.end(isRead ? undefined : body);
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString("utf8");
    if ((response.statusCode ?? 500) >= 400) throw new Error(`${method} ${key}: ${text}`);
    return JSON.parse(text) as { readonly node: AnsweredNode };
  };
  return {
    put: (key: string, value: string, more = {}) => ask("PUT", key, { value, ...more }),
    folder: (key: string, more = {}) => ask("PUT", key, { dir: "true", ...more }),
    post: (key: string, value: string) => ask("POST", key, { value }),
    remove: (key: string) => ask("DELETE", key),
    read: async (key: string): Promise<readonly AnsweredNode[]> =>
      flat((await ask("GET", key, { recursive: "true", sorted: "true", quorum: "true" })).node),
    close: () => {
      agent.destroy();
    },
  };
}

/** One after the other, each without what is below it and without what runs. */
export function flat({ nodes = [], ...node }: AnsweredNode): readonly AnsweredNode[] {
  return [withoutTtl(node), ...nodes.flatMap(flat)];
}

function withoutTtl(node: AnsweredNode): AnsweredNode {
  return Object.fromEntries(Object.entries(node).filter(([name]) => name !== "ttl"));
}

/** How long one of the keys has to live: it is there in the backup. */
export const SHORT_SECONDS = 5;

/** Values in which something means something to JSON, to a shell, or to a terminal; none is a secret. */
const ODD = [
  ...["", " ", '"', "\\", "\\b", "\\\\u0008", 'a "quote" and a \\ back', "tab\tline\nreturn\r"],
  ...["\b\f\u0001\u001f\u007f", "<a href=x>&amp;</a>", "\u2028\u2029", "Füße 🥾", "\ufffd"],
  ...['],"modifiedIndex":1', '{"key":"/x","createdIndex":9}', '"ttl":5,', "'; rm -rf x; '", "$(x)"],
];

/**
 * Fills a v2 store: a thousand keys in folders, odd values, hidden keys, in-order keys, times to live, and what is gone.
 * @returns what it answers in the end, key by key, hidden ones included
 */
export async function fillV2(url: string): Promise<readonly AnsweredNode[]> {
  const store = v2Requests(url);
  try {
    for (let i = 0; i < 960; i++) await store.put(`/registry/pods/ns-${i % 17}/pod-${i}`, `${i}`);
    for (const [i, value] of ODD.entries()) await store.put(`/odd/${i}`, value);
    await store.put("/odd/name with space, ü & 100 %?#", "x");
    for (const value of ["one", "two", "three"]) await store.post("/queue", value);
    await store.put("/_hidden/key", "not listed");
    await store.put("/_hidden/_deeper/_still", "nor is this");
    await store.put("/half/_in", "its folder is listed");
    await store.folder("/empty");
    await store.put("/lasting", "long", { ttl: "3600" });
    await store.folder("/lasting-folder", { ttl: "3600" });
    await store.put("/lasting-folder/in", "goes with it", { ttl: "7200" });
    await store.put("/refreshed", "kept", { ttl: "5" });
    await store.put("/refreshed", "", { ttl: "3600", refresh: "true", prevExist: "true" });
    await store.put("/registry/pods/ns-1/pod-1", "changed", { prevValue: "1" });
    await store.remove("/registry/pods/ns-2/pod-2");
    await store.put("/short", "gone before the restore", { ttl: String(SHORT_SECONDS) });
    const hidden = ["/_hidden", "/_hidden/_deeper", "/_hidden/_deeper/_still", "/half/_in"];
    const answers = [await store.read("/")];
    for (const key of hidden) answers.push(await store.read(key));
    return answers.flat().filter(({ key }) => key !== undefined);
  } finally {
    store.close();
  }
}
