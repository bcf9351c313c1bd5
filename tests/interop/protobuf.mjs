/** Just enough protobuf to see the structure of a message, to change it on purpose and to build crafted ones. */

/** @returns {{value: bigint, next: number} | null} */
export function readVarint(bytes, at) {
  let value = 0n;
  for (let i = 0; i < 10; i += 1) {
    const byte = bytes[at + i];
    if (byte === undefined) return null;
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
  return null;
}

export function varint(value) {
  let rest = BigInt(value);
  const out = [];
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Buffer.from(out);
}

/**
 * The fields of a message, in order, with the offsets of what they hold.
 *
 * @typedef {{number: number, wire: number, value?: bigint, bytes?: Buffer, tag: number, start: number, end: number}} Field
 * @returns {Field[] | null} null when the bytes are no protobuf of varints, 64-bit values and byte strings
 */
export function parse(bytes) {
  const fields = [];
  for (let at = 0; at < bytes.length; ) {
    const key = readVarint(bytes, at);
    if (!key) return null;
    const number = Number(key.value >> 3n);
    const wire = Number(key.value & 7n);
    const field = { number, wire, tag: at, start: key.next, end: key.next };
    if (wire === 0) {
      const read = readVarint(bytes, key.next);
      if (!read) return null;
      field.value = read.value;
      field.end = read.next;
    } else if (wire === 1) {
      field.end = key.next + 8;
    } else if (wire === 2) {
      const length = readVarint(bytes, key.next);
      if (!length || length.next + Number(length.value) > bytes.length) return null;
      field.start = length.next;
      field.end = length.next + Number(length.value);
    } else {
      return null;
    }
    if (field.end > bytes.length) return null;
    field.bytes = bytes.subarray(field.start, field.end);
    fields.push(field);
    at = field.end;
  }
  return fields;
}

export const intField = (number, value) => Buffer.concat([varint(number * 8), varint(value)]);
export const bytesField = (number, bytes) => Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
export function fixed64Field(number, value) {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return Buffer.concat([varint(number * 8 + 1), out]);
}

/** The last field of that number, as the last one counts. */
export const lastField = (fields, number) => fields?.findLast((field) => field.number === number);

/** Encodes what {@link parse} gave, after fields were dropped, moved or replaced. */
export function encode(fields) {
  return Buffer.concat(fields.map((field) => {
    if (field.wire === 0) return intField(field.number, field.value);
    if (field.wire === 1) return Buffer.concat([varint(field.number * 8 + 1), field.bytes]);
    return bytesField(field.number, field.bytes);
  }));
}
