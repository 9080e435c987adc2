/** What somebody does who means to deceive: bytes with any CRC-32C they like. */
import { plainCrc32c } from "./plain-hash-kv";

/** Four bytes at the end that give a text the wished CRC-32C: its last four steps run backwards. */
export function withCrc(text: Buffer, crc: number): Buffer {
  const table = Array.from({ length: 256 }, (_, byte) => {
    let each = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      each = each & 1 ? (each >>> 1) ^ 0x82f63b78 : each >>> 1;
    }
    return each >>> 0;
  });
  const before = ~plainCrc32c(text) >>> 0;
  let register = ~crc >>> 0;
  for (let step = 0; step < 4; step += 1) {
    const index = table.findIndex((entry) => entry >>> 24 === register >>> 24);
    register = (((register ^ (table[index] ?? 0)) << 8) | index) >>> 0;
  }
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE((register ^ before) >>> 0);
  return Buffer.concat([text, tail]);
}
