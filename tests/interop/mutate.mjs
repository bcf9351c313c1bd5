/** Changes to messages: anywhere, or at the same structural place of two messages whose contents differ. */
import { encode, parse } from './protobuf.mjs';

const MAC_LENGTH = 8;

/** Random changes to any bytes: flips, cuts, insertions, repeats. Meant for the same bytes on both sides. */
export function anywhere(random, bytes) {
  const kind = random.weighted({ flip: 8, set: 4, cut: 2, insert: 2, append: 1, remove: 1, swap: 1, empty: 0.2 });
  const at = random.below(Math.max(bytes.length, 1));
  const out = Buffer.from(bytes);
  switch (kind) {
    case 'flip': {
      for (let n = random.between(1, 3); n > 0 && out.length > 0; n -= 1) out[random.below(out.length)] ^= 1 << random.below(8);
      return out;
    }
    case 'set':
      if (out.length > 0) out[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
      return out;
    case 'cut':
      return out.subarray(0, at);
    case 'insert':
      return Buffer.concat([out.subarray(0, at), random.bytes(random.between(1, 4)), out.subarray(at)]);
    case 'append':
      return Buffer.concat([out, random.bytes(random.between(1, 20))]);
    case 'remove':
      return Buffer.concat([out.subarray(0, at), out.subarray(at + random.between(1, 4))]);
    case 'swap': {
      const to = random.below(Math.max(bytes.length, 1));
      if (out.length > 0) [out[at], out[to]] = [out[to], out[at]];
      return out;
    }
    default:
      return Buffer.alloc(0);
  }
}

/** A message taken apart so that it can be put together again with one part changed. */
function open(type, bytes) {
  const body = type === 3 ? bytes.subarray(1) : bytes.subarray(1, -MAC_LENGTH);
  const trailer = type === 3 ? Buffer.alloc(0) : bytes.subarray(-MAC_LENGTH);
  return { version: bytes[0], fields: parse(body).map((field) => ({ ...field, bytes: Buffer.from(field.bytes) })), trailer: Buffer.from(trailer) };
}

const close = ({ version, fields, trailer }) => Buffer.concat([Buffer.of(version), encode(fields), trailer]);

/**
 * A change described by structure alone, to be applied to the messages of both worlds.
 *
 * @param {boolean} farAhead whether numbers may become large: between two devices of one account the jump of a chain has no limit, so that a
 *   changed counter costs billions of steps
 * @returns {{name: string, apply: (bytes: Buffer) => Buffer}}
 */
export function structural(random, type, sample, farAhead) {
  if (type === 3 && random.chance(0.5)) {
    const inner = structural(random, 2, open(3, sample).fields.find((field) => field.number === 4).bytes, farAhead);
    return { name: `inner ${inner.name}`, apply: (bytes) => onInner(bytes, inner.apply) };
  }
  const fields = open(type, sample).fields;
  const place = random.below(fields.length);
  const kind = random.weighted({ flip: 10, version: 1, truncate: 1, drop: 1, repeat: 1, move: 1, unknown: 1, empty: 0.2, short: 0.5 });
  const change = (name, alter) => ({
    name: `${kind} ${name}`,
    apply(bytes) {
      const message = open(type, bytes);
      alter(message);
      return close(message);
    },
  });
  switch (kind) {
    case 'flip':
      return flip(random, type, fields, farAhead, change);
    case 'version': {
      const version = random.pick([0x00, 0x14, 0x24, 0x33, 0x34, 0x40, 0x43, 0x45, 0x4f, 0x54, 0x84, 0xf4]);
      return change(version.toString(16), (message) => { message.version = version; });
    }
    case 'truncate': {
      const count = random.between(1, Math.min(60, sample.length - 1));
      return { name: `truncate ${count}`, apply: (bytes) => bytes.subarray(0, bytes.length - count) };
    }
    case 'drop':
      return change(fields[place].number, (message) => message.fields.splice(place, 1));
    case 'repeat':
      return change(fields[place].number, (message) => message.fields.push(message.fields[place]));
    case 'move':
      return change(fields[place].number, (message) => message.fields.push(...message.fields.splice(place, 1)));
    case 'unknown': {
      const bytes = random.bytes(random.below(9));
      return change('field', (message) => message.fields.splice(place, 0, { number: 19, wire: 2, bytes }));
    }
    case 'short': {
      const length = random.between(1, 12);
      return { name: `short ${length}`, apply: (bytes) => bytes.subarray(0, Math.min(length, bytes.length)) };
    }
    default:
      return { name: 'empty', apply: () => Buffer.alloc(0) };
  }
}

/** Changes a number, or one bit of a byte string or of the MAC. */
function flip(random, type, fields, farAhead, change) {
  const place = random.below(fields.length + (type === 3 ? 0 : 1));
  const mask = 1 << random.below(8);
  const field = fields[place];
  if (field === undefined) {
    const at = random.below(MAC_LENGTH);
    return change(`mac ${at}`, (message) => { message.trailer[at] ^= mask; });
  }
  if (field.wire === 0) {
    const near = [field.value + 1n, field.value ^ 1n, 0n, field.value + 0x100000000n];
    const value = random.pick(farAhead ? [...near, 0x7fffffffn, 0xffffffffn] : near);
    return change(`${field.number}=${value}`, (message) => { message.fields[place].value = value; });
  }
  if (field.bytes.length === 0) return change('nothing', () => {});
  const at = random.below(field.bytes.length);
  return change(`${field.number}[${at}]^${mask}`, (message) => { message.fields[place].bytes[at] ^= mask; });
}

function onInner(bytes, apply) {
  const message = open(3, bytes);
  const inner = message.fields.find((field) => field.number === 4);
  inner.bytes = apply(inner.bytes);
  return close(message);
}
