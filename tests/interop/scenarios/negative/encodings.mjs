/** 70 to 76: how messages are encoded, on sender keys made by hand, and what is too short to be anything. */
import { bytesField, intField, varint } from '../../protobuf.mjs';
import { NAMES, NOW_MS } from './bench.mjs';
import { Reader, SenderByHand } from './sender_by_hand.mjs';

export async function cases(bench) {
  await n70n73(bench);
  await n74(bench);
  await n76(bench);
}

/** A number in exactly so many bytes. */
function long(value, length) {
  const bytes = [...varint(value)];
  while (bytes.length < length) {
    bytes[bytes.length - 1] |= 0x80;
    bytes.push(0);
  }
  return Buffer.from(bytes);
}

const group = (depth, inside = []) => Buffer.concat([Buffer.alloc(depth, 0x5b), Buffer.from(inside), Buffer.alloc(depth, 0x5c)]);
const around = (before, after = before) => (bytes) => Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);

/** Ways to write a protobuf, and what the official library has to say. */
const REWRITES = {
  'n70 unknown fields': ['ok', around([0x58, 1, 0x5a, 2, 7, 7, 0x59, 1, 2, 3, 4, 5, 6, 7, 8, 0x5d, 1, 2, 3, 4])],
  'n70 unknown groups': ['ok', around(group(3, [0x08, 1]))],
  'n71 repeated fields, the right ones last': ['ok', (bytes) => Buffer.concat([intField(2, 77), intField(3, 9), bytesField(4, Buffer.alloc(16)), bytes])],
  'n72 a hundred groups': ['ok', around(group(100), [])],
  'n72 a hundred and one groups': ['malformed', around(group(101), [])],
  'n72 a hundred groups with something inside': ['malformed', around(group(100, [0x08, 1]), [])],
  'n72 a group without an end': ['malformed', around([], [0x5b])],
  'n72 an end without a group': ['malformed', around([], [0x5c])],
  ...Object.fromEntries([2n ** 31n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n, 1n].map((length) =>
    [`n72 a length of ${length} and nothing`, ['malformed', around([], Buffer.concat([Buffer.of(0x5a), varint(length)]))]])),
  ...Object.fromEntries([2, 5, 9, 10].map((length) => [`n73 numbers of ${length} bytes`, ['ok', (_, fields) => Buffer.concat(fields.map(stretch(length)))]])),
  'n73 numbers of 11 bytes': ['malformed', (_, fields) => Buffer.concat(fields.map(stretch(11)))],
  'n73 a field key above 32 bits': ['malformed', around([], [0x80, 0x80, 0x80, 0x80, 0x10, 0])],
  'field number 0': ['malformed', around([], [0x00, 0])],
  'wire type 6': ['malformed', around([], [0x5e, 0])],
  'a field cut short': ['malformed', (bytes) => bytes.subarray(0, -1)],
};

/** The field with its key, and its number or length, in that many bytes. */
function stretch(length) {
  return (field) => {
    const key = long(field[0], length);
    if ((field[0] & 7) === 0) return Buffer.concat([key, long(BigInt(readNumber(field.subarray(1))), length)]);
    return Buffer.concat([key, long(field[1], length), field.subarray(2)]);
  };
}

const readNumber = (bytes) => bytes.reduceRight((sum, byte) => sum * 128 + (byte & 0x7f), 0);

async function n70n73(bench) {
  for (const [what, [expected, rewrite]] of Object.entries(REWRITES)) {
    const [sender, reader] = [await SenderByHand.make(bench, 7), await Reader.make(bench, NAMES[0])];
    await reader.process('ok', sender.distribution(), what);
    await reader.read(expected, await sender.message(0, 'text', { rewrite }), `${what}, in a message`);
    await reader.read('ok', await sender.message(1), `${what}, afterwards`);
    const other = await Reader.make(bench, NAMES[0]);
    // Of what is repeated in a message, a distribution message has its own.
    if (!what.startsWith('n71')) await other.process(expected, sender.distribution(rewrite), `${what}, in a distribution message`);
    const compared = { ok: 'ok', malformed: 'fingerprint_invalid' }[expected];
    const code = [intField(1, 2), bytesField(2, bytesField(1, Buffer.alloc(32, 1))), bytesField(3, bytesField(1, Buffer.alloc(32, 2)))];
    const written = what.startsWith('n71') ? Buffer.concat([intField(1, 9), ...code]) : rewrite(Buffer.concat(code), code);
    await bench.both(compared, 'fingerprint_compare', { mine: Buffer.concat(code).toString('hex'), theirs: written.toString('hex') }, `${what}, in a code`);
  }
}

async function n74(bench) {
  const pair = await bench.pair();
  const reader = await Reader.make(bench, NAMES[0]);
  const firsts = [0x00, 0x11, 0x22, 0x23, 0x33, 0x44, 0x55, 0xc0, 0xff];
  const short = ['', ...firsts.flatMap((byte) => [1, 2, 8, 9, 10, 64, 65].map((length) => Buffer.of(byte).toString('hex') + '00'.repeat(length - 1)))];
  const any = ['malformed', 'legacy_version', 'unknown_version', 'invalid_message', 'no_session', 'invalid_key', 'no_sender_key',
    'sealed_sender_invalid', 'sealed_sender_unknown_version', 'invalid_argument'];
  for (const message of short) {
    for (const type of [2, 3]) {
      const [official, ours] = await Promise.all(pair.ends.map(async ({ side, party }) => {
        const args = { party, ...pair.from, type, message };
        return { args, answer: await bench.unit.call(side, 'decrypt', args) };
      }));
      bench.unit.compare('decrypt', official, ours);
      bench.expect(any, official.answer, `n74 type ${type}, ${message}`, official.args);
    }
    await reader.read(any, message, `n74 group message ${message}`);
    await reader.process(any, message, `n74 distribution message ${message}`);
    await bench.both(any, 'ss_open', { party: reader.party, message }, `n74 envelope ${message}`);
    await bench.both(any, 'parse_decryption_error', { plaintext_content: message }, `n74 plaintext content ${message}`);
    await bench.both(any, 'validate_certificate', { certificate: message, trust_roots: [], now_ms: NOW_MS }, `n74 certificate ${message}`);
  }
  await pair.honest({ first: true });
}

/** Padding belongs to whoever uses the library. */
async function n76(bench) {
  const pair = await bench.pair();
  const [sender, reader] = [await SenderByHand.make(bench, 7), await Reader.make(bench, NAMES[0])];
  await reader.process('ok', sender.distribution(), 'n76');
  const plaintexts = ['', '00', '00'.repeat(160), '80', '800000', 'ff'.repeat(15), '10'.repeat(16)];
  for (const [i, plaintext] of plaintexts.entries()) {
    await pair.honest({ first: i < 3, plaintext }, `n76 '${plaintext}'`);
    const { plaintext: read } = await reader.read('ok', await sender.message(i, Buffer.from(plaintext, 'hex')), `n76 '${plaintext}'`);
    bench.unit.expect(read === plaintext, 'n76 as it was', { read, plaintext });
  }
  const { plaintext_content } = await bench.unit.must(bench.unit.ours, 'decryption_error', {
    type: 7, message: '33'.repeat(80), timestamp: NOW_MS, device: 1,
  });
  await bench.both('ok', 'parse_decryption_error', { plaintext_content }, 'n76 a whole one');
  for (const end of ['', '00', '81', '8000']) {
    await bench.both(['malformed', 'invalid_argument'], 'parse_decryption_error', { plaintext_content: plaintext_content.slice(0, -2) + end }, `n76 its end ${end}`);
  }
}
