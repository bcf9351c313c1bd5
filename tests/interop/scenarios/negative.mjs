/**
 * Crafted input, number by number of docs/spec/negative-tests.md: both accept it, both refuse it with the same class, or ours refuses it for
 * a reason that docs/spec/stricter.md gives.
 *
 * Each case also says what the official library has to answer, so that two sides which are wrong alike are noticed.
 */
import * as bundles from './negative/bundles.mjs';
import * as encodings from './negative/encodings.mjs';
import * as envelopes from './negative/envelopes.mjs';
import * as firstMessages from './negative/first_messages.mjs';
import * as groups from './negative/groups.mjs';
import * as keys from './negative/keys.mjs';
import * as postQuantum from './negative/post_quantum.mjs';
import * as ratchet from './negative/ratchet.mjs';
import * as safetyNumbers from './negative/safety_numbers.mjs';
import * as sealed from './negative/sealed.mjs';
import * as signatures from './negative/signatures.mjs';
import { Bench } from './negative/bench.mjs';

export const name = 'negative';
export const units = () => 1;

const SECTIONS = { keys, envelopes, signatures, bundles, firstMessages, ratchet, postQuantum, sealed, groups, encodings, safetyNumbers };

export async function run(unit) {
  const bench = new Bench(unit);
  for (const [title, { cases }] of Object.entries(SECTIONS)) {
    unit.note(title);
    await cases(bench);
  }
}
