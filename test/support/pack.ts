/** Archives for tests, byte by byte: the oldest form of tar (POSIX ustar), and zip (APPNOTE 6.3). */
import { crc32, deflateRawSync } from "node:zlib";

/** A file of an archive. */
export type Entry = readonly [name: string, bytes: Buffer];

export function tarOf(entries: readonly Entry[], type = "0"): Buffer {
  const blocks = entries.flatMap(([name, bytes]) => [
    tarHeader(name, bytes.length, type),
    bytes,
    Buffer.alloc((512 - (bytes.length % 512)) % 512),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

function tarHeader(name: string, size: number, type: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000600\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** @param encrypted says so of each entry, without being it */
export function zipOf(entries: readonly Entry[], encrypted = false): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of entries) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(encrypted ? 1 : 0, 2);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length + (encrypted ? 12 : 0), 14); // with the cipher's header
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    locals.push(Buffer.from("PK\x03\x04"), common, Buffer.from(name), bytes);
    directory.push(Buffer.from("PK\x01\x02\x14\x00"), common, rest, Buffer.from(name));
    offset += 30 + name.length + bytes.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
}

/**
 * Deflated, with the sizes behind the bytes, as Go's archive/zip and everybody writes who writes to a pipe (4.4.4); without
 * the list at the end, for an archive that is cut off.
 */
export function streamedZipOf(entries: readonly Entry[]): Buffer {
  return Buffer.concat(
    entries.flatMap(([name, bytes]) => {
      const packed = deflateRawSync(bytes);
      const header = Buffer.alloc(30);
      header.write("PK\x03\x04");
      header.writeUInt16LE(20, 4);
      header.writeUInt16LE(8, 6);
      header.writeUInt16LE(8, 8);
      header.writeUInt16LE(name.length, 26);
      const behind = Buffer.alloc(16);
      behind.write("PK\x07\x08");
      behind.writeUInt32LE(crc32(bytes), 4);
      behind.writeUInt32LE(packed.length, 8);
      behind.writeUInt32LE(bytes.length, 12);
      return [header, Buffer.from(name), packed, behind];
    }),
  );
}
