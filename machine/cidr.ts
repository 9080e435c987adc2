/** Networks in CIDR notation, as the settings name them: who may reach a port. */
import { BlockList, isIPv4, isIPv6 } from "node:net";

/** A network, written the one way that OpenStack writes it too, so that no difference is ever seen where none is. */
export interface Cidr {
  /** `203.0.113.0/24` or `2001:db8::/32`. */
  readonly text: string;
  readonly family: 4 | 6;
  readonly prefixLength: number;
}

/** Text that is no network, or no network's own address. Says what to write instead. */
export class CidrError extends Error {}

const BITS = { 4: 32, 6: 128 } as const;

/** Wider than this is nobody's network but a part of the internet: one provider's largest block. */
const WIDEST = { 4: 8, 6: 32 } as const;

/**
 * Reads a network in CIDR notation.
 *
 * @throws CidrError when it has no prefix length, or has bits set behind it: OpenStack would keep another text than
 *   the one that was given.
 */
export function parseCidr(given: string): Cidr {
  const [address = "", prefix, ...rest] = given.trim().split("/");
  const family = isIPv4(address) ? 4 : isIPv6(address) && !address.includes("%") ? 6 : undefined;
  if (family === undefined || rest.length > 0) {
    throw new CidrError(
      `"${given}" is no network; write it like 203.0.113.0/24 or 2001:db8::/32 (for one address, /32 or /128)`,
    );
  }
  const bits = BITS[family];
  if (prefix === undefined) {
    throw new CidrError(
      `"${given}" has no prefix length; for this one address write ${address}/${bits}`,
    );
  }
  const prefixLength = Number(prefix);
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || prefixLength > bits) {
    throw new CidrError(`"${given}" has the prefix length "${prefix}"; 0 to ${bits} are allowed`);
  }
  const number = family === 4 ? numberOfIPv4(address) : numberOfIPv6(address);
  const hostBits = BigInt(bits - prefixLength);
  const network = (number >> hostBits) << hostBits;
  const format = family === 4 ? formatIPv4 : formatIPv6;
  if (network !== number) {
    throw new CidrError(
      `"${given}" has bits set behind its prefix; write ${format(network)}/${prefixLength} for the network, ` +
        `or ${format(number)}/${bits} for the one address`,
    );
  }
  return { text: `${format(network)}/${prefixLength}`, family, prefixLength };
}

/** Whether so wide a network that it stands for the internet: wider than /8 (IPv4) or /32 (IPv6), unless private. */
export function isPublicAccess(cidr: Cidr): boolean {
  if (cidr.prefixLength >= WIDEST[cidr.family]) return false;
  return !isUniqueLocal(cidr);
}

/**
 * Reads a list of networks, each once, in the order given.
 *
 * @param setting name for the messages
 * @throws CidrError with everything that is wrong with the list, public networks among it unless they are allowed
 */
export function parseCidrs(
  setting: string,
  given: readonly string[],
  allowPublicAccess: boolean,
): readonly Cidr[] {
  const problems: string[] = [];
  const found = new Map<string, Cidr>();
  for (const text of given) {
    try {
      const cidr = parseCidr(text);
      if (isPublicAccess(cidr) && !allowPublicAccess) {
        problems.push(
          `${cidr.text} is open to the internet; name the networks that need it, or set allowPublicAccess to true`,
        );
      } else found.set(cidr.text, cidr);
    } catch (error) {
      if (!(error instanceof CidrError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new CidrError(`${setting}: ${problems.join("; ")}`);
  return [...found.values()];
}

/** A network as part of a resource's logical name: without `::`, which parts a URN. Different networks stay different. */
export function cidrName(cidr: Cidr): string {
  return cidr.text.replaceAll(":", "-");
}

/** In fc00::/7: private by definition (RFC 4193), however wide. */
function isUniqueLocal(cidr: Cidr): boolean {
  const private6 = new BlockList();
  private6.addSubnet("fc00::", 7, "ipv6");
  const address = cidr.text.slice(0, cidr.text.indexOf("/"));
  return cidr.family === 6 && cidr.prefixLength >= 7 && private6.check(address, "ipv6");
}

function numberOfIPv4(address: string): bigint {
  return address.split(".").reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function formatIPv4(number: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 0xffn).join(".");
}

function numberOfIPv6(address: string): bigint {
  // An IPv4 tail counts as two groups.
  const tail = /(?:\d+\.){3}\d+$/.exec(address)?.[0];
  const plain =
    tail === undefined
      ? address
      : address.slice(0, -tail.length) +
        [numberOfIPv4(tail) >> 16n, numberOfIPv4(tail) & 0xffffn]
          .map((group) => group.toString(16))
          .join(":");
  const [head = "", end] = plain.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const before = groups(head);
  const after = end === undefined ? [] : groups(end);
  const zeros = new Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].reduce(
    (sum, group) => (sum << 16n) | BigInt(`0x${group}`),
    0n,
  );
}

/** As RFC 5952 wants it: lower case, the longest run of zero groups (two at least, the first of equals) as `::`. */
function formatIPv6(number: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((number >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const text = groups.join(":");
  const longest = [...text.matchAll(/(?<![^:])0(?::0)+(?![^:])/g)]
    .map((match) => match[0])
    .reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return text;
  const at = text.search(new RegExp(`(?<![^:])${longest}(?![^:])`));
  const before = text.slice(0, at).replace(/:$/, "");
  const after = text.slice(at + longest.length).replace(/^:/, "");
  return `${before}::${after}`;
}
