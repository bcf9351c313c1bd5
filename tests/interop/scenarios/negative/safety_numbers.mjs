/** 78: what a scanned code may lack. A thousand pairs, and numbers of iterations, are the business of the scenario `safety_numbers`. */
import { bytesField, intField } from '../../protobuf.mjs';

const half = (byte, length = 32) => bytesField(1, Buffer.alloc(length, byte));
const code = (...fields) => Buffer.concat(fields).toString('hex');
const MINE = code(intField(1, 2), bytesField(2, half(1)), bytesField(3, half(2)));

export async function cases(bench) {
  const compare = async (expected, theirs, what, mine = MINE) => {
    const answer = await bench.both(typeof expected === 'boolean' ? 'ok' : expected, 'fingerprint_compare', { mine, theirs }, `n78 ${what}`);
    if (answer.ok) bench.unit.expect(answer.match === expected, `n78 ${what}: ${answer.match}`, { mine, theirs });
  };
  const theirs = code(intField(1, 2), bytesField(2, half(2)), bytesField(3, half(1)));
  await compare(true, theirs, 'the other side');
  await compare(false, MINE, 'the own side');
  for (const version of [0, 1, 3, 0xffff_ffff]) {
    await compare('fingerprint_version_mismatch', code(intField(1, version), bytesField(2, half(2)), bytesField(3, half(1))), `version ${version}`);
  }
  await compare('fingerprint_version_mismatch', code(bytesField(2, half(2)), bytesField(3, half(1))), 'no version');
  await compare('fingerprint_version_mismatch', '', 'nothing');
  for (const lacking of [
    code(intField(1, 2), bytesField(3, half(1))), code(intField(1, 2), bytesField(2, half(2))), code(intField(1, 2)),
    code(intField(1, 2), bytesField(2, Buffer.alloc(0)), bytesField(3, half(1))), code(intField(1, 2), bytesField(2, half(2)), bytesField(3, Buffer.alloc(0))),
  ]) {
    await compare('fingerprint_invalid', lacking, `lacking ${lacking}`);
    await compare('fingerprint_invalid', theirs, `the own one lacking ${lacking}`, lacking);
  }
  await compare('fingerprint_invalid', theirs, 'the own one without a version', code(bytesField(2, half(1)), bytesField(3, half(2))));
  for (const length of [0, 31, 33, 64]) {
    await compare(false, code(intField(1, 2), bytesField(2, half(2, length)), bytesField(3, half(1))), `${length} bytes`);
  }
  // Halves that come in pieces are put together.
  await compare(true, code(intField(1, 2), bytesField(2, half(9)), bytesField(2, half(2)), bytesField(3, half(1))), 'a half that is repeated');
  for (let bit = 0; bit < 256; bit += 1) {
    const changed = Buffer.alloc(32, 2);
    changed[bit >> 3] ^= 1 << (bit & 7);
    await compare(false, code(intField(1, 2), bytesField(2, bytesField(1, changed)), bytesField(3, half(1))), `bit ${bit}`);
  }
}
