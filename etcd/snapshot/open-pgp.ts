/** Whether bytes are an OpenPGP message (RFC 9580, RFC 4880): it has no magic, but its first packet has a form. */

/** Public-key algorithms of a packet 1 (9.1), symmetric ones of a packet 3 (9.3), compressions of a packet 8 (9.4). */
const PUBLIC_KEY = [1, 2, 16, 18, 22, 25, 26];
const MOST_SYMMETRIC = 13;
const MOST_COMPRESSION = 3;

/**
 * True for what begins with a session key (encrypted to somebody, or by a passphrase), with encrypted data, or with a
 * compressed or signed message, as `gpg` writes them.
 */
export function isOpenPgp(head: Buffer): boolean {
  const packet = firstPacket(head);
  if (packet === undefined) return false;
  const { tag, body, length } = packet;
  const [first = 0, second = 0] = body;
  switch (tag) {
    case 1:
      return first === 3 ? length > 10 && PUBLIC_KEY.includes(body[9] ?? 0) : first === 6;
    case 3:
      return (
        first >= 4 &&
        first <= 6 &&
        length < 256 &&
        (first > 4 || (second > 0 && second <= MOST_SYMMETRIC))
      );
    case 4:
      return first === 3 && length === 13 && second <= 1;
    case 8:
      return packet.indeterminate && first > 0 && first <= MOST_COMPRESSION;
    case 18:
      return length > 20 && (first === 1 || first === 2);
    case 20:
      return length > 20 && first === 1 && second > 0 && second <= MOST_SYMMETRIC;
    default:
      return false;
  }
}

interface Packet {
  readonly tag: number;
  readonly body: Buffer;
  readonly length: number;
  /** Old form, to the end of the file. */
  readonly indeterminate: boolean;
}

/** The header of the packet (4.2): the old form, and the new one with its lengths of one, two and five bytes, or partial. */
function firstPacket(head: Buffer): Packet | undefined {
  if (head.length < 16) return undefined;
  const header = head.readUInt8(0);
  if ((header & 0x80) === 0) return undefined;
  const packet = (tag: number, at: number, length: number, indeterminate = false): Packet => {
    return { tag, body: head.subarray(at), length, indeterminate };
  };
  if ((header & 0x40) === 0) {
    const tag = (header >> 2) & 15;
    switch (header & 3) {
      case 0:
        return packet(tag, 2, head.readUInt8(1));
      case 1:
        return packet(tag, 3, head.readUInt16BE(1));
      case 2:
        return packet(tag, 5, head.readUInt32BE(1));
      default:
        return packet(tag, 1, Infinity, true);
    }
  }
  const tag = header & 63;
  const first = head.readUInt8(1);
  if (first < 192) return packet(tag, 2, first);
  if (first < 224) return packet(tag, 3, ((first - 192) << 8) + head.readUInt8(2) + 192);
  if (first < 255) return packet(tag, 2, 1 << (first & 31));
  return packet(tag, 6, head.readUInt32BE(2));
}
