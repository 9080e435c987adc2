// etcd/snapshot/snapshot.ts
var import_node_fs4 = require("node:fs");

// etcd/snapshot/file.ts
var import_node_fs = require("node:fs");

// etcd/snapshot/snapshot-error.ts
var SnapshotError = class extends Error {
  file;
  page;
  offset;
  constructor(file, problem, place = {}) {
    super(`${file}: ${describePlace(place)}${problem}`);
    this.name = "SnapshotError";
    this.file = file;
    if (place.page !== void 0) this.page = place.page;
    if (place.offset !== void 0) this.offset = place.offset;
  }
};
function describePlace({ page, offset }) {
  const parts = [];
  if (page !== void 0) parts.push(`page ${page}`);
  if (offset !== void 0) parts.push(`byte ${offset}`);
  return parts.length === 0 ? "" : `${parts.join(", ")}: `;
}

// etcd/snapshot/file.ts
function openSource(path) {
  let fd;
  try {
    fd = (0, import_node_fs.openSync)(path, "r");
  } catch (error) {
    throw new SnapshotError(path, describeOpenError(error));
  }
  try {
    const stats = (0, import_node_fs.fstatSync)(fd, { bigint: true });
    if (stats.isDirectory()) {
      throw new SnapshotError(path, "is a directory; name the snapshot file itself");
    }
    if (!stats.isFile()) throw new SnapshotError(path, "is not a plain file");
    return { path, fd, size: Number(stats.size), stats };
  } catch (error) {
    (0, import_node_fs.closeSync)(fd);
    throw error;
  }
}
function readFully(source, target, offset) {
  let done = 0;
  while (done < target.length) {
    const count = (0, import_node_fs.readSync)(source.fd, target, done, target.length - done, offset + done);
    if (count === 0) {
      throw new SnapshotError(
        source.path,
        `the file ends here while it is read; it had ${source.size} bytes at the beginning`,
        { offset: offset + done }
      );
    }
    done += count;
  }
}
function assertUnchanged({ path, stats }) {
  const now = (0, import_node_fs.statSync)(path, { bigint: true, throwIfNoEntry: false });
  if (now === void 0) throw new SnapshotError(path, "the file was removed while it was read");
  if (now.dev !== stats.dev || now.ino !== stats.ino) {
    throw new SnapshotError(path, "another file was put in its place while it was read");
  }
  if (now.size !== stats.size) {
    throw new SnapshotError(
      path,
      `the file changed while it was read: it had ${stats.size.toString()} bytes and now has ${now.size.toString()}`
    );
  }
  if (now.mtimeNs !== stats.mtimeNs) {
    throw new SnapshotError(
      path,
      `the file changed while it was read: it was written to at ${now.mtime.toISOString()}`
    );
  }
}
function describeOpenError(error) {
  const code = error instanceof Error && "code" in error ? error.code : void 0;
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
    case "EPERM":
      return "no permission to read this file; etcdctl writes snapshots with mode 0600, for their owner only";
    default:
      return `cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
  }
}

// etcd/snapshot/page.ts
var PAGE_HEADER = 16;
var ELEMENT_BYTES = 16;
var BRANCH = 1;
var LEAF = 2;
function readPage(file, id) {
  const { source, pageSize } = file;
  file.map.reach(id, 0);
  const offset = id * pageSize;
  let bytes = Buffer.allocUnsafe(pageSize);
  readFully(source, bytes, offset);
  checkPageId(source.path, id, offset, bytes.readUInt32LE(0), bytes.readUInt32LE(4));
  const overflow = bytes.readUInt32LE(12);
  if (overflow > 0) {
    file.map.reachOverflow(id, overflow);
    bytes = Buffer.allocUnsafe(pageSize * (overflow + 1));
    readFully(source, bytes, offset);
  }
  return parsePage(source.path, id, bytes, offset);
}
function parsePage(path, id, bytes, offset) {
  if (bytes.length < PAGE_HEADER) {
    throw new SnapshotError(path, `an inline bucket of ${bytes.length} bytes has no page header`, {
      page: id,
      offset
    });
  }
  const flags = bytes.readUInt16LE(8);
  const count = bytes.readUInt16LE(10);
  if (PAGE_HEADER + count * ELEMENT_BYTES > bytes.length) {
    throw new SnapshotError(
      path,
      `says that it holds ${count} elements, which do not fit into its ${bytes.length} bytes`,
      { page: id, offset: offset + 10 }
    );
  }
  return { id, kind: pageKind(path, id, offset, flags), count, bytes, offset };
}
function checkPageId(path, id, offset, low, high) {
  if (low === id && high === 0) return;
  const found = high * 2 ** 32 + low;
  throw new SnapshotError(
    path,
    found === 0 ? `the page's header is zero; expected the header of page ${id}: these bytes were probably never written` : `the page's header says page ${found}, expected ${id}`,
    { page: id, offset }
  );
}
function pageKind(path, id, offset, flags) {
  if (flags === BRANCH) return "branch";
  if (flags === LEAF) return "leaf";
  throw new SnapshotError(
    path,
    `the page's flags are 0x${flags.toString(16)}, expected 0x1 (branch) or 0x2 (leaf)`,
    { page: id, offset: offset + 8 }
  );
}

// etcd/snapshot/buckets.ts
var BUCKET_HEADER = 16;
var MAX_DEPTH = 32;
function readBuckets(file, meta) {
  const { path } = file.source;
  const roots = [];
  collectTree(file, meta.root, roots);
  const small = /* @__PURE__ */ new Map();
  let key;
  for (const bucket of roots) {
    const place = { page: bucket.page, offset: bucket.valueOffset };
    const name = bucket.key.toString();
    if (!bucket.isBucket) {
      throw new SnapshotError(path, `"${name}" is an entry among the buckets`, place);
    }
    if (bucket.value.length < BUCKET_HEADER) {
      throw new SnapshotError(
        path,
        `the header of bucket "${name}" has ${bucket.value.length} bytes, expected ${BUCKET_HEADER}`,
        place
      );
    }
    const root = Number(bucket.value.readBigUInt64LE(0));
    const inline = bucket.value.subarray(BUCKET_HEADER);
    const offset = bucket.valueOffset + BUCKET_HEADER;
    if (name === "key") {
      key = root === 0 ? { inline, page: bucket.page, offset } : { root };
      continue;
    }
    const entries = [];
    if (root === 0) collectLeaf(file, parsePage(path, bucket.page, inline, offset), entries);
    else collectTree(file, root, entries);
    small.set(name, entries);
  }
  if (key === void 0) {
    const names = [...small.keys()].join(", ");
    throw new SnapshotError(
      path,
      `this is a bbolt database, but not etcd's: it has no bucket "key"; its buckets are: ${names || "none"}`
    );
  }
  return { key, small };
}
function collectTree(file, id, into, depth = 1) {
  const page = readPage(file, id);
  const place = { page: id, offset: page.offset };
  if (page.kind === "leaf") {
    collectLeaf(file, page, into);
    return;
  }
  if (depth >= MAX_DEPTH) {
    throw new SnapshotError(
      file.source.path,
      `the tree is more than ${MAX_DEPTH} levels deep`,
      place
    );
  }
  if (page.count === 0) {
    throw new SnapshotError(file.source.path, "a branch page without elements", place);
  }
  for (let i = 0; i < page.count; i++) {
    const element = PAGE_HEADER + i * ELEMENT_BYTES;
    const key = slice(
      file,
      page,
      i,
      page.bytes.readUInt32LE(element),
      page.bytes.readUInt32LE(element + 4)
    );
    const before = into.length;
    collectTree(file, Number(page.bytes.readBigUInt64LE(element + 8)), into, depth + 1);
    const first = into[before];
    if (first !== void 0 && Buffer.compare(first.key, key) < 0) {
      throw new SnapshotError(
        file.source.path,
        `the first key of page ${first.page} is before the key that this branch page gives for it (element ${i})`,
        place
      );
    }
  }
}
function collectLeaf(file, page, into) {
  if (page.kind !== "leaf") {
    throw new SnapshotError(file.source.path, "an inline bucket holds no leaf page", {
      page: page.id,
      offset: page.offset
    });
  }
  for (let i = 0; i < page.count; i++) {
    const element = PAGE_HEADER + i * ELEMENT_BYTES;
    const position = page.bytes.readUInt32LE(element + 4);
    const keyBytes = page.bytes.readUInt32LE(element + 8);
    const valueBytes = page.bytes.readUInt32LE(element + 12);
    const both = slice(file, page, i, position, keyBytes + valueBytes);
    const key = both.subarray(0, keyBytes);
    const previous = into.at(-1);
    if (previous !== void 0 && Buffer.compare(previous.key, key) >= 0) {
      throw new SnapshotError(file.source.path, `the keys do not ascend at element ${i}`, {
        page: page.id,
        offset: page.offset + element
      });
    }
    into.push({
      key,
      value: both.subarray(keyBytes),
      isBucket: (page.bytes.readUInt32LE(element) & 1) === 1,
      page: page.id,
      valueOffset: page.offset + element + position + keyBytes
    });
  }
}
function slice(file, page, i, position, length) {
  const element = PAGE_HEADER + i * ELEMENT_BYTES;
  const start = element + position;
  if (start < PAGE_HEADER + page.count * ELEMENT_BYTES || start + length > page.bytes.length) {
    throw new SnapshotError(
      file.source.path,
      `element ${i} reaches from byte ${start} to ${start + length} of the page, which has ${page.bytes.length}`,
      { page: page.id, offset: page.offset + element }
    );
  }
  return page.bytes.subarray(start, start + length);
}

// etcd/snapshot/contents.ts
function readContents(file, { small }) {
  function each(bucket, read) {
    return (small.get(bucket) ?? []).map((entry) => {
      try {
        return read(entry);
      } catch (error) {
        throw new SnapshotError(
          file,
          `the entry ${printable(entry.key)} of bucket "${bucket}" cannot be understood: ${error instanceof Error ? error.message : String(error)}`
        );
      }
    });
  }
  const meta = new Map(each("meta", ({ key, value }) => [key.toString(), value]));
  const number = (name) => {
    const value = meta.get(name);
    return value === void 0 || value.length < 8 ? void 0 : Number(value.readBigUInt64BE(0));
  };
  const term = number("term");
  const consistentIndex = number("consistent_index");
  const storageVersion = meta.get("storageVersion")?.toString();
  const clusterVersion = small.get("cluster")?.find(({ key }) => key.toString() === "clusterVersion")?.value.toString();
  return {
    scheduledCompactRevision: number("scheduledCompactRev") ?? 0,
    finishedCompactRevision: number("finishedCompactRev") ?? 0,
    ...storageVersion === void 0 ? {} : { storageVersion },
    ...clusterVersion === void 0 ? {} : { clusterVersion },
    ...term === void 0 ? {} : { term },
    ...consistentIndex === void 0 ? {} : { consistentIndex },
    members: each("members", readMember),
    removedMembers: each("members_removed", ({ key }) => memberId(key)),
    leases: new Map(each("lease", readLease)),
    alarms: each("alarm", readAlarm),
    auth: readAuth(small)
  };
}
function readAuth(small) {
  const names = (bucket) => (small.get(bucket) ?? []).map(({ key }) => key.toString());
  const flag = small.get("auth")?.find(({ key }) => key.toString() === "authEnabled");
  return { enabled: flag?.value[0] === 1, users: names("authUsers"), roles: names("authRoles") };
}
function memberId(key) {
  return BigInt(`0x${key.toString()}`);
}
function readMember({ key, value }) {
  const json = JSON.parse(value.toString());
  const field = (name2) => typeof json === "object" && json !== null ? Reflect.get(json, name2) : void 0;
  const texts = (name2) => {
    const list = field(name2);
    return Array.isArray(list) ? list.filter((item) => typeof item === "string") : [];
  };
  const name = field("name");
  return {
    id: memberId(key),
    name: typeof name === "string" ? name : "",
    peerUrls: texts("peerURLs"),
    clientUrls: texts("clientURLs"),
    isLearner: field("isLearner") === true
  };
}
function readLease({ key, value }) {
  const fields = readNumbers(value);
  return [
    key.readBigInt64BE(0),
    {
      ttlSeconds: Number(fields.get(2) ?? 0n),
      remainingTtlSeconds: Number(fields.get(3) ?? 0n)
    }
  ];
}
var ALARMS = /* @__PURE__ */ new Map([
  [1n, "NOSPACE"],
  [2n, "CORRUPT"]
]);
function readAlarm({ key }) {
  const fields = readNumbers(key);
  const alarm = fields.get(2) ?? 0n;
  return {
    memberId: fields.get(1) ?? 0n,
    alarm: ALARMS.get(alarm) ?? `unknown (${alarm.toString()})`
  };
}
function readNumbers(bytes) {
  const numbers = [];
  let number = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    number |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      numbers.push(number);
      number = 0n;
      shift = 0n;
    }
  }
  if (shift > 0n || numbers.length % 2 === 1) throw new Error("its protobuf framing is broken");
  const fields = /* @__PURE__ */ new Map();
  for (let i = 0; i < numbers.length; i += 2) {
    const tag = numbers[i] ?? 0n;
    if ((tag & 7n) !== 0n) throw new Error(`unexpected protobuf tag ${tag.toString()}`);
    fields.set(Number(tag >> 3n), BigInt.asIntN(64, numbers[i + 1] ?? 0n));
  }
  return fields;
}
function printable(key) {
  const text = key.toString();
  return /^[\x20-\x7e]*$/.test(text) ? `"${text}"` : `0x${key.toString("hex")}`;
}

// etcd/snapshot/key-leaves.ts
var REVISION_BYTES = 17;
function findKeyLeaves(file, root) {
  let level = createLevel(1);
  level.ids[0] = root;
  level.count = 1;
  for (let depth = 0; ; depth++) {
    const first = level.ids[0] ?? root;
    if (readKind(file, first) === "leaf") {
      for (const id of level.ids.subarray(0, level.count)) file.map.reach(id, 0);
      return level;
    }
    if (depth === MAX_DEPTH) {
      throw new SnapshotError(file.source.path, `the tree is more than ${MAX_DEPTH} levels deep`, {
        page: first,
        offset: first * file.pageSize
      });
    }
    const below = createLevel(level.count * 64);
    for (let i = 0; i < level.count; i++) addChildren(file, level, i, below);
    level = below;
  }
}
function createLevel(capacity) {
  return {
    count: 0,
    ids: new Uint32Array(capacity),
    lowMain: new Float64Array(capacity),
    lowSub: new Uint32Array(capacity)
  };
}
function makeRoom(level, more) {
  if (level.count + more <= level.ids.length) return;
  const larger = createLevel(Math.max(level.ids.length * 2, level.count + more));
  larger.ids.set(level.ids);
  larger.lowMain.set(level.lowMain);
  larger.lowSub.set(level.lowSub);
  Object.assign(level, larger, { count: level.count });
}
function readKind(file, id) {
  if (id < 2 || id >= file.pages) file.map.reach(id, 0);
  const header = Buffer.allocUnsafe(PAGE_HEADER);
  const offset = id * file.pageSize;
  readFully(file.source, header, offset);
  const { path } = file.source;
  checkPageId(path, id, offset, header.readUInt32LE(0), header.readUInt32LE(4));
  return pageKind(path, id, offset, header.readUInt16LE(8));
}
function addChildren(file, level, parent, below) {
  const page = readPage(file, at(level.ids, parent));
  const { path } = file.source;
  if (page.kind !== "branch" || page.count === 0) {
    throw new SnapshotError(
      path,
      page.count === 0 ? "a branch page without elements" : "a leaf page where its neighbours are branch pages",
      { page: page.id, offset: page.offset }
    );
  }
  makeRoom(below, page.count);
  const { bytes } = page;
  let previousMain = at(level.lowMain, parent);
  let previousSub = at(level.lowSub, parent);
  for (let i = 0; i < page.count; i++) {
    const element = PAGE_HEADER + i * ELEMENT_BYTES;
    const key = element + bytes.readUInt32LE(element);
    const keyBytes = bytes.readUInt32LE(element + 4);
    const place = { page: page.id, offset: page.offset + element };
    if (key + keyBytes > bytes.length || !isRevision(bytes, key, keyBytes)) {
      throw new SnapshotError(
        path,
        `the key of element ${i} (${keyBytes} bytes at byte ${key} of the page) is not a revision`,
        place
      );
    }
    const main2 = bytes.readUInt32BE(key) * 2 ** 32 + bytes.readUInt32BE(key + 4);
    const sub = bytes.readUInt32BE(key + 13);
    const order = main2 === previousMain ? sub - previousSub : main2 - previousMain;
    if (order < 0 || order === 0 && i > 0) {
      throw new SnapshotError(
        path,
        `revision ${main2}.${sub} of element ${i} does not come after ${previousMain}.${previousSub}`,
        place
      );
    }
    const high = bytes.readUInt32LE(element + 12);
    const id = high * 2 ** 32 + bytes.readUInt32LE(element + 8);
    if (high > 0 || id < 2 || id >= file.pages) {
      throw new SnapshotError(
        path,
        `element ${i} leads to page ${id}, but a data page is one of 2 to ${file.pages - 1}`,
        place
      );
    }
    below.ids[below.count] = id;
    below.lowMain[below.count] = main2;
    below.lowSub[below.count] = sub;
    below.count++;
    previousMain = main2;
    previousSub = sub;
  }
  if (parent + 1 < level.count) {
    const nextMain = at(level.lowMain, parent + 1);
    const nextSub = at(level.lowSub, parent + 1);
    if (previousMain > nextMain || previousMain === nextMain && previousSub >= nextSub) {
      throw new SnapshotError(
        path,
        `its last revision ${previousMain}.${previousSub} is not before ${nextMain}.${nextSub}, where the next page begins`,
        { page: page.id, offset: page.offset }
      );
    }
  }
}
function isRevision(bytes, start, length) {
  return (length === REVISION_BYTES || length === REVISION_BYTES + 1 && bytes[start + REVISION_BYTES] === 116) && bytes[start + 8] === 95 && bytes.readUInt32BE(start + 9) === 0;
}
function at(numbers, index) {
  return numbers[index] ?? 0;
}

// etcd/snapshot/live-keys.ts
var import_node_fs2 = require("node:fs");

// etcd/snapshot/range-comparer.ts
function createRangeComparer(index, liveKeys, slotBytes, slots) {
  const { scanner } = index;
  const start = Math.ceil(((scanner.liveList() >>> 0) + liveKeys * 4) / 4096) * 4096;
  if (scanner.makeUsable(start + slotBytes * slots) === 0) {
    throw new RangeError(
      `${slots} buffers of ${slotBytes} bytes do not fit beside the index of ${start} bytes: all must fit into 4 GiB`
    );
  }
  function addressOf(slot) {
    if (!Number.isInteger(slot) || slot < 0 || slot >= slots) {
      throw new RangeError(`buffer ${slot} was asked for; there are buffers 0 to ${slots - 1}`);
    }
    return start + slot * slotBytes;
  }
  const memory = index.buffer();
  return {
    slotBytes,
    slots,
    buffer: (slot) => new Uint8Array(memory, addressOf(slot), slotBytes),
    compare(slot, from, length, first, count, mode) {
      if (from < 0 || length < 0 || from + length > slotBytes) {
        throw new RangeError(
          `bytes ${from} to ${from + length} were to be compared in a buffer of ${slotBytes}`
        );
      }
      const matched = scanner.compareRange(
        addressOf(slot) + from,
        length,
        first,
        count,
        mode === "metadata" ? 1 : 0
      );
      return {
        matched: matched >>> 0,
        keys: scanner.getRangeKeys() >>> 0,
        headerRevision: scanner.getRangeRevision(),
        totalKeys: scanner.getRangeTotal(),
        more: scanner.getRangeMore() !== 0,
        malformed: scanner.getRangeBroken() !== 0
      };
    }
  };
}

// etcd/snapshot/live-keys.ts
var MAIN = 0;
var CREATE = 2;
var LEASE = 4;
var FILE_OFFSET = 6;
var VERSION = 9;
var KEY = 10;
var STORED_LENGTH = 11;
var VALUE_LENGTH = 12;
var CRC = 13;
var KEY_LENGTH = 1;
var KEY_HEADER_BYTES = 12;
function createLiveKeys(path, index) {
  const { scanner } = index;
  const count = scanner.liveCount() >>> 0;
  let words = new Uint32Array(index.buffer());
  const list = scanner.liveList() >>> 2;
  let source;
  const word = (at2) => words[at2] ?? 0;
  const wide = (at2) => word(at2 + 1) * 2 ** 32 + word(at2);
  function recordOf(i) {
    if (!Number.isInteger(i) || i < 0 || i >= count) {
      throw new RangeError(`live key ${i} was asked for; there are keys 0 to ${count - 1}`);
    }
    return word(list + i) >>> 2;
  }
  function keyView(i) {
    const key = word(recordOf(i) + KEY);
    return Buffer.from(words.buffer, key + KEY_HEADER_BYTES, word((key >>> 2) + KEY_LENGTH));
  }
  return {
    count,
    key: (i) => Buffer.from(keyView(i)),
    metadata(i) {
      const record = recordOf(i);
      const lease = BigInt(word(record + LEASE + 1)) << 32n | BigInt(word(record + LEASE));
      return {
        createRevision: wide(record + CREATE),
        modRevision: wide(record + MAIN),
        version: word(record + VERSION),
        lease: BigInt.asIntN(64, lease),
        valueBytes: word(record + VALUE_LENGTH),
        storedBytes: word(record + STORED_LENGTH),
        crc: word(record + CRC)
      };
    },
    value(i) {
      const record = recordOf(i);
      source ??= openSource(path);
      const stored = Buffer.alloc(word(record + STORED_LENGTH));
      readFully(source, stored, wide(record + FILE_OFFSET));
      if (crcOf(index, stored) !== word(record + CRC)) {
        throw new SnapshotError(path, "the file is no longer the one that was read", {
          offset: wide(record + FILE_OFFSET)
        });
      }
      return valueOf(stored);
    },
    indexOf(key) {
      let from = 0;
      let to = count;
      while (from < to) {
        const middle = from + to >>> 1;
        const order = Buffer.compare(keyView(middle), key);
        if (order === 0) return middle;
        if (order < 0) from = middle + 1;
        else to = middle;
      }
      return -1 - from;
    },
    comparer(slotBytes, slots) {
      const comparer = createRangeComparer(index, count, slotBytes, slots);
      words = new Uint32Array(index.buffer());
      return comparer;
    },
    close() {
      if (source !== void 0) (0, import_node_fs2.closeSync)(source.fd);
      source = void 0;
    }
  };
}
function crcOf(index, bytes) {
  const { address, bytes: ringBytes } = index.ring;
  const ring = new Uint8Array(index.buffer(), address, ringBytes);
  let crc = 0;
  for (let start = 0; start < bytes.length; start += ringBytes) {
    const part = bytes.subarray(start, start + ringBytes);
    ring.set(part);
    crc = index.scanner.crc32c(crc, address, address + part.length);
  }
  return crc >>> 0;
}
function valueOf(stored) {
  let at2 = 0;
  const varint = () => {
    let number = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = stored[at2++] ?? 0;
      number += (byte & 127) * scale;
      if (byte < 128) return number;
    }
  };
  let value = stored.subarray(0, 0);
  while (at2 < stored.length) {
    const tag = varint();
    const number = varint();
    if ((tag & 7) !== 2) continue;
    if (tag >> 3 === 5) value = stored.subarray(at2, at2 + number);
    at2 += number;
  }
  return value;
}

// etcd/snapshot/foreign-file.ts
var KINDS = [
  { magic: Buffer.from([31, 139]), hint: unpack("a gzip file", "gunzip") },
  { magic: Buffer.from([40, 181, 47, 253]), hint: unpack("a zstd file", "unzstd") },
  { magic: Buffer.from("\xFD7zXZ\0", "latin1"), hint: unpack("an xz file", "unxz") },
  { magic: Buffer.from("BZh"), hint: unpack("a bzip2 file", "bunzip2") },
  { magic: Buffer.from("PK"), hint: unpack("a zip archive", "unzip") },
  {
    magic: Buffer.from("SQLite format 3\0"),
    hint: "this is an SQLite database, as k3s keeps one when it runs without etcd, not an etcd snapshot"
  }
];
function unpack(what, program) {
  return `this is ${what}; unpack it first (${program})`;
}
function describeForeignFile(head, size) {
  if (size === 0) return "the file is empty (0 bytes)";
  const kind = KINDS.find(({ magic }) => head.subarray(0, magic.length).equals(magic));
  if (kind !== void 0) return kind.hint;
  if (head.every((byte) => byte === 0)) {
    return `the first ${head.length} bytes are all zero, so this is no etcd snapshot: perhaps a copy that was never filled`;
  }
  if (isText(head)) return "this is a text file, not an etcd snapshot: it has no bbolt meta page";
  return "no bbolt meta page was found, so this is no etcd snapshot, or both of its meta pages are damaged";
}
function isText(head) {
  const printable2 = (byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13;
  return head.every(printable2) && !head.toString("utf8", 0, head.length - 4).includes("\uFFFD");
}

// etcd/snapshot/meta-page.ts
var MAGIC = 3977042669;
var VERSION2 = 2;
var PAGE_HEADER2 = 16;
var META_BYTES = 64;
var NO_FREELIST = 0xffffffffffffffffn;
var PAGE_SIZES = [4096, 16384, 65536, 8192, 32768, 1024, 2048];
var HEAD_BYTES = 4096;
function readMetaPages(source) {
  const head = Buffer.alloc(Math.min(HEAD_BYTES, source.size));
  readFully(source, head, 0);
  const first = parseMeta(head.subarray(PAGE_HEADER2));
  const second = findSecond(source, first === void 0 ? PAGE_SIZES : [first.pageSize]);
  if (first === void 0) {
    if (second === void 0) {
      throw new SnapshotError(source.path, describeForeignFile(head, source.size));
    }
    return { meta: second, badMetaPage: 0 };
  }
  if (second === void 0) return { meta: first, badMetaPage: 1 };
  return { meta: second.transaction > first.transaction ? second : first };
}
function findSecond(source, pageSizes) {
  const bytes = Buffer.alloc(META_BYTES);
  for (const pageSize of pageSizes) {
    const offset = pageSize + PAGE_HEADER2;
    if (offset + META_BYTES > source.size) continue;
    readFully(source, bytes, offset);
    const meta = parseMeta(bytes);
    if (meta?.pageSize === pageSize) return meta;
  }
  return void 0;
}
function parseMeta(bytes) {
  if (bytes.length < META_BYTES) return void 0;
  if (bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(4) !== VERSION2) return void 0;
  if (fnv1a64(bytes.subarray(0, 56)) !== bytes.readBigUInt64LE(56)) return void 0;
  const freelist = bytes.readBigUInt64LE(32);
  return {
    pageSize: bytes.readUInt32LE(8),
    root: Number(bytes.readBigUInt64LE(16)),
    ...freelist === NO_FREELIST ? {} : { freelist: Number(freelist) },
    pages: Number(bytes.readBigUInt64LE(40)),
    transaction: bytes.readBigUInt64LE(48)
  };
}
function fnv1a64(bytes) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}
var TRAILER_BYTES = 32;
function hasTrailer(source, { pages, pageSize }) {
  const database = pages * pageSize;
  const expected = database + TRAILER_BYTES;
  if (source.size === expected) return true;
  if (source.size === database) return false;
  const says = `its meta page says ${database} bytes of database (${pages} pages of ${pageSize}) and ${TRAILER_BYTES} of SHA-256 follow, ${expected} in all`;
  throw new SnapshotError(
    source.path,
    source.size < expected ? `the file is cut short: ${expected - source.size} of its bytes are missing. It has ${source.size} bytes; ${says}` : `the file is ${source.size - expected} bytes too long. It has ${source.size} bytes; ${says}. A database copied from a data directory is longer like this: take a snapshot with \`etcdctl snapshot save\``
  );
}

// etcd/snapshot/page-map.ts
function createPageMap(file, pages, pageSize) {
  const reached = new Uint8Array(pages);
  reached[0] = 1;
  reached[1] = 1;
  function mark(from, to, owner) {
    for (let id = from; id < to; id++) {
      if (reached[id] === 1) {
        throw new SnapshotError(
          file,
          id === owner ? "the tree leads to this page twice" : `is reached twice: it is an overflow page of page ${owner} too`,
          { page: id, offset: id * pageSize }
        );
      }
      reached[id] = 1;
    }
  }
  function assertInside(id, overflow) {
    if (!Number.isSafeInteger(id) || id < 2 || id >= pages) {
      throw new SnapshotError(
        file,
        `the tree leads to page ${id}, but a data page is one of 2 to ${pages - 1}`
      );
    }
    if (id + overflow >= pages) {
      throw new SnapshotError(
        file,
        `its ${overflow} overflow pages go beyond the last page, ${pages - 1}`,
        { page: id, offset: id * pageSize }
      );
    }
  }
  return {
    reach(id, overflow) {
      assertInside(id, overflow);
      mark(id, id + overflow + 1, id);
    },
    reachOverflow(id, overflow) {
      assertInside(id, overflow);
      mark(id + 1, id + overflow + 1, id);
    },
    countFree() {
      let free = 0;
      for (const mark2 of reached) free += 1 - mark2;
      return free;
    }
  };
}

// etcd/snapshot/pass.ts
var import_promises = require("node:timers/promises");

// etcd/snapshot/leaf-problems.ts
function describeLeafProblem({ code, element, found }, bytes, low, high) {
  switch (code) {
    case -1:
      return `says that it holds ${found} elements, which do not fit into its ${bytes} bytes`;
    case -2:
      return `element ${element} has the flags 0x${found.toString(16)}, expected 0: a bucket inside the bucket "key"`;
    case -3:
      return `element ${element} does not lie within the page's ${bytes} bytes (position and lengths add up to ${found})`;
    case -4:
      return `the key of element ${element} (${found} bytes) is not a revision: expected 17 bytes, or 18 for a tombstone`;
    case -5:
      return `element ${element} has the number ${found}, which is greater than any real revision or version`;
    case -6:
      return `the revisions do not ascend: element ${element} has ${found}`;
    case -7:
      return `the first revision of the page, ${found}, is before ${low}, which the branch page above gives for it`;
    case -8:
      return `the last revision of the page, ${found}, is not before ${high}, where the next page begins`;
    case -9:
      return `the record of element ${element} (${found} bytes) is not a whole KeyValue: its protobuf framing is broken`;
    case -10:
      return `the record of element ${element} has a field with the tag 0x${found.toString(16)}, which a KeyValue does not have`;
    case -11:
      return `the record of element ${element} says mod revision ${found}, its key in the bucket says another one`;
    case -12:
      return `the record of element ${element} (${found} bytes) has no key`;
    case -13:
      return `there are more records than this reader can index in 4 GiB, which is about 30 million; it stopped after ${found}`;
    default:
      return `cannot be read (problem ${code} at element ${element})`;
  }
}

// etcd/snapshot/pass.ts
var SLOT_BYTES = 1 << 20;
var TURN_MILLISECONDS = 50;
async function readLeavesInFileOrder(file, leaves, index, reader, { signal, onProgress }) {
  const { pageSize, pages } = file;
  const total = pages * pageSize;
  const slotCount = Math.ceil(total / SLOT_BYTES);
  const ringSlots = index.ring.bytes / SLOT_BYTES;
  const leafOfPage = new Uint32Array(pages);
  for (let leaf = 0; leaf < leaves.count; leaf++) leafOfPage[leaves.ids[leaf] ?? 0] = leaf + 1;
  let turnEnds = performance.now() + TURN_MILLISECONDS;
  for (let slot = 0; slot < slotCount; ) {
    if (reader.isFilled(slot)) {
      const address = index.ring.address + slot % ringSlots * SLOT_BYTES;
      const start = slot * SLOT_BYTES;
      const end = Math.min(start + SLOT_BYTES, total);
      for (let id = start / pageSize; id < end / pageSize; id++) {
        const leaf = (leafOfPage[id] ?? 0) - 1;
        if (leaf < 0) continue;
        const offset = id * pageSize;
        readLeafPage(file, leaves, index, leaf, address + offset - start, end - offset);
      }
      slot++;
      reader.release(slot - 1);
    }
    if (performance.now() >= turnEnds) {
      onProgress?.(Math.min(slot * SLOT_BYTES, total), total);
      await (0, import_promises.setImmediate)();
      signal?.throwIfAborted();
      turnEnds = performance.now() + TURN_MILLISECONDS;
    }
  }
  onProgress?.(total, total);
}
function readLeafPage(file, leaves, index, leaf, address, available) {
  const { path } = file.source;
  const id = leaves.ids[leaf] ?? 0;
  const offset = id * file.pageSize;
  const header = new Uint32Array(index.buffer(), address, 4);
  const [idLow = 0, idHigh = 0, flagsAndCount = 0, overflow = 0] = header;
  checkPageId(path, id, offset, idLow, idHigh);
  if (pageKind(path, id, offset, flagsAndCount & 65535) !== "leaf") {
    throw new SnapshotError(path, "a branch page where its neighbours are leaf pages", {
      page: id,
      offset
    });
  }
  const count = flagsAndCount >>> 16;
  if (count === 0 && leaves.count > 1) {
    throw new SnapshotError(path, "a leaf page without elements", { page: id, offset });
  }
  if (overflow > 0) file.map.reachOverflow(id, overflow);
  const bytes = (overflow + 1) * file.pageSize;
  let place = address;
  if (bytes > available) {
    place = index.placeForRun(count, bytes);
    if (place === 0) {
      throw new SnapshotError(
        path,
        `this page and its ${overflow} overflow pages (${bytes} bytes) do not fit into the 4 GiB of the index`,
        { page: id, offset }
      );
    }
    readFully(file.source, new Uint8Array(index.buffer(), place, bytes), offset);
  }
  readLeafAt(file, leaves, index, leaf, { page: id, address: place, bytes, offset });
}
function readLeafAt(file, leaves, index, leaf, { page, address, bytes, offset }) {
  const problem = index.readLeaf(address, bytes, offset, leaf);
  if (problem === void 0) return;
  const bound = (i) => `${leaves.lowMain[i] ?? 0}.${leaves.lowSub[i] ?? 0}`;
  throw new SnapshotError(
    file.source.path,
    describeLeafProblem(problem, bytes, bound(leaf), bound(leaf + 1)),
    { page, offset: problem.fileOffset }
  );
}

// etcd/snapshot/scanner.ts
var import_node_fs3 = require("node:fs");
var import_node_path = require("node:path");
var compiled;
function createScanner() {
  compiled ??= new WebAssembly.Module((0, import_node_fs3.readFileSync)((0, import_node_path.join)(__dirname, "wasm", "index.wasm")));
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 65536, shared: true });
  const instance = new WebAssembly.Instance(compiled, { env: { memory } });
  return { scanner: instance.exports, memory };
}

// etcd/snapshot/record-index.ts
var LEAF_BYTES = 24;
var LEAST_RECORD_BYTES = 37;
var LEAST_SLOTS = 4096;
var MOST_SLOTS = 2 ** 26;
function createRecordIndex(databaseBytes, ringBytes, leaves) {
  const { scanner, memory } = createScanner();
  const ring = { address: scanner.ringStart(), bytes: ringBytes };
  const mostKeys = Math.ceil(databaseBytes / LEAST_RECORD_BYTES);
  const mostSlots = Math.min(MOST_SLOTS, Math.max(LEAST_SLOTS, powerOfTwo(mostKeys / 0.7)));
  const leafTable = ring.address + ring.bytes;
  const keyTable = align(leafTable + leaves.count * LEAF_BYTES);
  const arena = align(keyTable + Math.max(mostSlots * 4, Math.min(mostKeys, mostSlots * 0.7) * 8));
  if (scanner.makeUsable(arena) === 0) {
    throw new RangeError(`cannot reserve ${arena} bytes of memory for the index`);
  }
  scanner.layOut(leafTable, leaves.count, keyTable, LEAST_SLOTS, mostSlots, arena);
  writeBounds(new DataView(memory.buffer, leafTable, leaves.count * LEAF_BYTES), leaves);
  let marked;
  function mark(revision) {
    if (marked === revision) return;
    scanner.forgetLatest();
    for (let leaf = 0; leaf < leaves.count; leaf++) scanner.markLeaf(leaf, revision);
    marked = revision;
  }
  return {
    scanner,
    ring,
    buffer: () => memory.buffer,
    placeForRun: (elements, bytes) => scanner.placeForRun(elements, bytes) >>> 0,
    readLeaf(address, bytes, fileOffset, ordinal) {
      const code = scanner.readLeaf(address, bytes, fileOffset, ordinal);
      if (code >= 0) return void 0;
      return {
        code,
        element: scanner.getProblemElement() >>> 0,
        found: scanner.getProblemFound(),
        fileOffset: fileOffset + (scanner.getProblemAt() >>> 0) - address
      };
    },
    listLive(revision) {
      mark(revision);
      if (scanner.beginList(scanner.getRecords()) === 0) return false;
      for (let leaf = 0; leaf < leaves.count; leaf++) scanner.listLeaf(leaf);
      scanner.sortList();
      return true;
    },
    hashKv(revision, compactRevision) {
      mark(revision);
      let dropUnkept = 0;
      for (let leaf = 0; leaf < leaves.count && dropUnkept === 0; leaf++) {
        if (scanner.countKept(leaf) > 0) dropUnkept = 1;
      }
      let hash = scanner.hashStart();
      for (let leaf = 0; leaf < leaves.count; leaf++) {
        hash = scanner.hashLeaf(hash, leaf, revision, compactRevision, dropUnkept);
      }
      return hash >>> 0;
    }
  };
}
function writeBounds(table, { count, lowMain, lowSub }) {
  for (let leaf = 0; leaf < count; leaf++) {
    const main2 = lowMain[leaf] ?? 0;
    table.setUint32(leaf * LEAF_BYTES, main2 % 2 ** 32, true);
    table.setUint32(leaf * LEAF_BYTES + 4, Math.floor(main2 / 2 ** 32), true);
    table.setUint32(leaf * LEAF_BYTES + 8, lowSub[leaf] ?? 0, true);
  }
}
function align(address) {
  return Math.ceil(address / 4096) * 4096;
}
function powerOfTwo(atLeast) {
  return 2 ** Math.ceil(Math.log2(Math.max(1, atLeast)));
}

// etcd/snapshot/slot-reader.ts
var import_node_crypto = require("node:crypto");
var import_node_path2 = require("node:path");
var import_node_worker_threads = require("node:worker_threads");
function createInlineReader(task) {
  const { source, databaseBytes, slotBytes } = task;
  const hash = (0, import_node_crypto.createHash)("sha256");
  return {
    isFilled(i) {
      const start = i * slotBytes;
      const length = Math.min(slotBytes, databaseBytes - start);
      const slot = new Uint8Array(task.ring, task.ringAddress, length);
      readFully(source, slot, start);
      hash.update(slot);
      return true;
    },
    release() {
    },
    digests() {
      const contentSha256 = hash.copy().digest("hex");
      const trailer = Buffer.alloc(task.trailerBytes);
      readFully(source, trailer, databaseBytes);
      return Promise.resolve({
        contentSha256,
        fileSha256: hash.update(trailer).digest("hex"),
        trailerSha256: trailer.toString("hex")
      });
    },
    close: () => Promise.resolve()
  };
}
var FILLED = 0;
var RELEASED = 1;
var WAIT_MILLISECONDS = 20;
function createWorkerReader(task) {
  const { source, ...rest } = task;
  const control = new Int32Array(new SharedArrayBuffer(8));
  const workerData = { ...rest, fd: source.fd, control };
  const worker = new import_node_worker_threads.Worker((0, import_node_path2.join)(__dirname, "hash-worker.cjs"), { workerData, execArgv: [] });
  let failure;
  const digests = new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => {
      reject(new Error(`the reading thread ended with code ${code} before the end of the file`));
    });
  }).catch((error) => {
    failure = new SnapshotError(
      source.path,
      error instanceof Error ? error.message : String(error)
    );
    throw failure;
  });
  digests.catch(() => void 0);
  return {
    isFilled(i) {
      if (failure !== void 0) throw failure;
      const filled = Atomics.load(control, FILLED);
      if (filled > i) return true;
      Atomics.wait(control, FILLED, filled, WAIT_MILLISECONDS);
      return Atomics.load(control, FILLED) > i;
    },
    release(i) {
      Atomics.store(control, RELEASED, i + 1);
      Atomics.notify(control, RELEASED);
    },
    digests: () => digests,
    async close() {
      await worker.terminate();
    }
  };
}

// etcd/snapshot/snapshot.ts
var WORKER_FROM_BYTES = 1e8;
var WORKER_SLOTS = 4;
async function readSnapshot(file, options = {}) {
  options.signal?.throwIfAborted();
  const source = openSource(file);
  try {
    return await readOpened(source, options);
  } finally {
    (0, import_node_fs4.closeSync)(source.fd);
  }
}
async function readOpened(source, options) {
  const { path } = source;
  const { meta, badMetaPage } = readMetaPages(source);
  const trailerThere = hasTrailer(source, meta);
  const { pageSize, pages } = meta;
  const paged = {
    source,
    pageSize,
    pages,
    map: createPageMap(path, pages, pageSize)
  };
  if (meta.freelist !== void 0) paged.map.reach(meta.freelist, 0);
  const buckets = readBuckets(paged, meta);
  const contents = readContents(path, buckets);
  const { index, digests } = await indexRecords(paged, buckets.key, trailerThere, options);
  assertUnchanged(source);
  const { scheduledCompactRevision, finishedCompactRevision } = contents;
  const compactRevision = Math.max(scheduledCompactRevision, finishedCompactRevision);
  const revision = Math.max(1, index.scanner.getGreatestMain(), compactRevision);
  if (!index.listLive(revision)) {
    throw new SnapshotError(path, "its keys do not fit into the 4 GiB of the index");
  }
  const live = createLiveKeys(path, index);
  return {
    file: path,
    bytes: source.size,
    sha256: digests.fileSha256,
    trailer: !trailerThere ? "absent" : digests.trailerSha256 === digests.contentSha256 ? "matches" : "differs",
    ...trailerThere ? { trailerSha256: digests.trailerSha256 } : {},
    contentSha256: digests.contentSha256,
    pageSize,
    pages,
    freePages: paged.map.countFree(),
    ...badMetaPage === void 0 ? {} : { badMetaPage },
    revision,
    compactRevision,
    records: index.scanner.getRecords() >>> 0,
    placeholders: index.scanner.getPlaceholders() >>> 0,
    ...contents,
    hashKv(at2 = revision, compacted = compactRevision) {
      assertHashable(at2, compacted, revision);
      return index.hashKv(at2, Math.max(0, compacted));
    },
    live,
    close: () => {
      live.close();
    }
  };
}
async function indexRecords(file, bucket, trailerThere, options) {
  const { source, pages, pageSize } = file;
  const databaseBytes = pages * pageSize;
  const leaves = "root" in bucket ? findKeyLeaves(file, bucket.root) : ONE_INLINE_LEAF;
  const inWorker = databaseBytes >= WORKER_FROM_BYTES;
  const slots = inWorker ? WORKER_SLOTS : 1;
  const index = createRecordIndex(databaseBytes, slots * SLOT_BYTES, leaves);
  if ("inline" in bucket) readInlineLeaf(file, bucket, index);
  const reader = (inWorker ? createWorkerReader : createInlineReader)({
    source,
    databaseBytes,
    trailerBytes: trailerThere ? 32 : 0,
    ring: index.buffer(),
    ringAddress: index.ring.address,
    slotBytes: SLOT_BYTES,
    slots
  });
  try {
    const inPages = "root" in bucket ? leaves : NO_LEAVES;
    await readLeavesInFileOrder(file, inPages, index, reader, options);
    return { index, digests: await reader.digests() };
  } finally {
    await reader.close();
  }
}
var NO_LEAVES = {
  count: 0,
  ids: new Uint32Array(0),
  lowMain: new Float64Array(0),
  lowSub: new Uint32Array(0)
};
var ONE_INLINE_LEAF = { ...NO_LEAVES, count: 1 };
function readInlineLeaf(file, { inline, page, offset }, index) {
  const { kind } = parsePage(file.source.path, page, inline, offset);
  if (kind !== "leaf") {
    throw new SnapshotError(file.source.path, `the inline bucket "key" holds a ${kind} page`, {
      page,
      offset: offset + PAGE_HEADER
    });
  }
  const address = index.ring.address;
  new Uint8Array(index.buffer(), address, inline.length).set(inline);
  readLeafAt(file, ONE_INLINE_LEAF, index, 0, { page, address, bytes: inline.length, offset });
}
function assertHashable(at2, compacted, last) {
  if (at2 > last) {
    throw new RangeError(`revision ${at2} is in the future: the snapshot ends at ${last}`);
  }
  if (at2 < compacted) {
    throw new RangeError(`revision ${at2} was compacted: the compaction mark is ${compacted}`);
  }
}

// ../../tmp/rd/try.ts
async function main() {
  for (const f of process.argv.slice(2)) {
    const t = performance.now();
    const s = await readSnapshot(f);
    const { live, leases, ...rest } = s;
    console.log(rest, "hash", s.hashKv(), "live", live.count, leases.size, "ms", performance.now() - t, "rss", process.resourceUsage().maxRSS / 1024);
    s.close();
  }
}
main().catch((e) => {
  console.error(e);
  process.exitCode = 1;
});
