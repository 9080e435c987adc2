// Just enough of protobuf's encoding, with a cursor instead of results in pairs.

/** Where the next byte is read. */
export let cursor: usize = 0;
/** Set by the functions here when the bytes are no protobuf; never cleared by them. */
export let broken: bool = false;

// @ts-ignore: decorator
@inline
export function seek(at: usize): void {
  cursor = at;
}

export function begin(at: usize): void {
  cursor = at;
  broken = false;
}

/** A varint that ends before `end`. */
// @ts-ignore: decorator
@inline
export function varint(end: usize): u64 {
  let value: u64 = 0;
  let shift: u64 = 0;
  while (cursor < end && shift < 70) {
    const byte = load<u8>(cursor++) as u64;
    value |= (byte & 127) << shift;
    if (byte < 128) return value;
    shift += 7;
  }
  broken = true;
  return 0;
}

/** Length of a length-delimited field; the cursor stands on its first byte. */
// @ts-ignore: decorator
@inline
export function lengthBefore(end: usize): u32 {
  const length = varint(end);
  if (length > (end - cursor) as u64) {
    broken = true;
    return 0;
  }
  return length as u32;
}

/** Skips a field that nobody asked for. */
export function skip(tag: u64, end: usize): void {
  const type = (tag & 7) as u32;
  let bytes: u64 = 0;
  if (type == 0) varint(end);
  else if (type == 1) bytes = 8;
  else if (type == 2) bytes = lengthBefore(end);
  else if (type == 5) bytes = 4;
  else broken = true;
  if (bytes > (end - cursor) as u64) broken = true;
  else cursor += bytes as usize;
}
