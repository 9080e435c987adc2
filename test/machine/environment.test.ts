import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { environmentFile, quotaBytes, type MemberSettings } from "../../machine/environment";
import { makeFolder, removeFolder } from "./lab";

const GIB = 1024 ** 3;

const MEMBER: MemberSettings = {
  name: "restored",
  dataDirectory: "/var/lib/etcd/restored",
  certificateDirectory: "/etc/etcd/tls",
  clientAddress: "192.0.2.7",
  listenAddresses: ["0.0.0.0"],
  clientPort: 2379,
  peerPort: 2380,
  snapshotBytes: 1486880,
};

describe("the environment file", () => {
  it("is this, for a member on a machine of its own", () => {
    expect(environmentFile(MEMBER)).toMatchInlineSnapshot(`
      "# Settings of etcd, written by etcd-restore. systemd and sh can read it.
      # restore.sh takes name, URLs, data directory and certificates from here and fills in the token.

      ETCD_NAME="restored"
      ETCD_DATA_DIR="/var/lib/etcd/restored"
      ETCD_INITIAL_CLUSTER_STATE="new"
      # A new one with every restore: no member of another cluster can ever take this one for its own.
      ETCD_INITIAL_CLUSTER_TOKEN="not-restored"
      ETCD_INITIAL_CLUSTER="restored=https://127.0.0.1:2380"

      # Alone, so nobody needs to reach its peer port.
      ETCD_INITIAL_ADVERTISE_PEER_URLS="https://127.0.0.1:2380"
      ETCD_LISTEN_PEER_URLS="https://127.0.0.1:2380"
      ETCD_ADVERTISE_CLIENT_URLS="https://192.0.2.7:2379"
      ETCD_LISTEN_CLIENT_URLS="https://0.0.0.0:2379"

      # Clients and peers must show a certificate of this CA.
      ETCD_CERT_FILE="/etc/etcd/tls/server.crt"
      ETCD_KEY_FILE="/etc/etcd/tls/server.key"
      ETCD_CLIENT_CERT_AUTH="true"
      ETCD_TRUSTED_CA_FILE="/etc/etcd/tls/ca.crt"
      ETCD_PEER_CERT_FILE="/etc/etcd/tls/peer.crt"
      ETCD_PEER_KEY_FILE="/etc/etcd/tls/peer.key"
      ETCD_PEER_CLIENT_CERT_AUTH="true"
      ETCD_PEER_TRUSTED_CA_FILE="/etc/etcd/tls/ca.crt"

      # The backup has 2 MiB.
      ETCD_QUOTA_BACKEND_BYTES="2147483648"
      ETCD_SNAPSHOT_COUNT="10000"
      ETCD_LOGGER="zap"
      ETCD_LOG_LEVEL="info"
      ETCD_LOG_OUTPUTS="stderr"
      "
    `);
  });

  it("is the same text for the same settings", () => {
    expect(environmentFile({ ...MEMBER })).toBe(environmentFile(MEMBER));
  });

  it("means the same to sh as it says, also with spaces in a path", () => {
    const folder = makeFolder();
    try {
      const dataDirectory = "/home/somebody's lab/100% data; rm -rf";
      const file = path.join(folder, "etcd.env");
      fs.writeFileSync(file, environmentFile({ ...MEMBER, dataDirectory }));
      const script = `set -eu; . "$1"; printf '%s\\n' "$ETCD_DATA_DIR" "$ETCD_INITIAL_CLUSTER"`;
      const read = execFileSync("sh", ["-c", script, "sh", file], { encoding: "utf8" });
      expect(read).toBe(`${dataDirectory}\nrestored=https://127.0.0.1:2380\n`);
    } finally {
      removeFolder(folder);
    }
  });

  it("writes an IPv6 address in brackets", () => {
    const text = environmentFile({
      ...MEMBER,
      clientAddress: "2001:db8::7",
      listenAddresses: ["::", "127.0.0.1"],
    });
    expect(text).toContain('ETCD_ADVERTISE_CLIENT_URLS="https://[2001:db8::7]:2379"');
    expect(text).toContain('ETCD_LISTEN_CLIENT_URLS="https://[::]:2379,https://127.0.0.1:2379"');
  });

  it.each<[string, Partial<MemberSettings>, string]>([
    ["a quote", { dataDirectory: '/var/"' }, 'dataDirectory is "/var/\\""'],
    ["a newline", { dataDirectory: "/var/a\nETCD_NAME=b" }, "control character"],
    ["a dollar", { certificateDirectory: "/etc/$HOME" }, "certificateDirectory is"],
    ["a backslash", { dataDirectory: "/var/a\\" }, "must not hold a quote"],
    ["a relative path", { dataDirectory: "data" }, "absolute path"],
    ["a path that goes up", { dataDirectory: "/var/lib/../x" }, "plain path"],
    ["a slash at the end", { dataDirectory: "/var/lib/etcd/" }, "plain path"],
    ["a name with '='", { name: "a=b" }, 'name is "a=b"'],
    ["no address", { listenAddresses: [] }, "name at least one"],
    ["an address with a path", { clientAddress: "host/x" }, 'address is "host/x"'],
    ["a port that is none", { clientPort: 0 }, "1 to 65535 are allowed"],
    ["one port for both", { peerPort: 2379 }, "must differ from clientPort"],
    ["a size that is none", { snapshotBytes: Number.NaN }, "whole number of bytes"],
  ])("refuses %s", (_what, wrong, says) => {
    expect(() => environmentFile({ ...MEMBER, ...wrong })).toThrow(says);
  });

  it("tells every problem at once", () => {
    const wrong = { ...MEMBER, name: "", clientPort: 70000 };
    expect(() => environmentFile(wrong)).toThrow(/name is "".*clientPort is 70000/);
  });
});

describe("the quota", () => {
  it.each([
    [0, 2 * GIB],
    [1486880, 2 * GIB],
    [1 * GIB, 2 * GIB],
    [3 * GIB, 6 * GIB],
    [4 * GIB, 8 * GIB],
    [6 * GIB, 8 * GIB],
    [8 * GIB, 10 * GIB],
    [16 * GIB, 20 * GIB],
  ])("for a backup of %i bytes is %i", (bytes, quota) => {
    expect(quotaBytes(bytes)).toBe(quota);
  });
});
