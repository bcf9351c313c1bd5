/**
 * Random changes under right MACs: a stranger by hand whose messages authenticate, whatever they say.
 *
 * Random bytes get no further than the MAC. Here the same change is made for a recipient of each side before the MAC is computed, so that what
 * comes after it, and how the two ratchets answer to each other's states, is compared as well. The official library says what is right.
 */
import { Bench } from './negative/bench.mjs';

export const name = 'crafted';
export const units = (scripts) => Math.ceil(scripts / 10);

export async function run(unit) {
  const { random } = unit;
  const bench = new Bench(unit);
  const named = () => random.pick([random.uuid(), random.uuid(), random.uuid().toUpperCase(), `PNI:${random.uuid()}`, 'somebody']);
  const bundle = () => ({ one_time: random.chance(0.7), kyber: random.pick(['one_time', 'last_resort']), reuse: random.chance(0.3) });
  const pair = await bench.pair({ from: named(), to: named(), bundle: bundle() });
  // Older versions do not look at two things that the newest one does.
  const checked = bench.since(0, 103);
  const changes = checked ? [...CHANGES, ADDRESSES] : CHANGES;
  const flippable = checked ? [...FLIPPABLE, 'addresses', 'identity_key'] : FLIPPABLE;
  const past = [];
  let read = false;
  for (let steps = random.between(8, 40); steps > 0; steps -= 1) {
    const step = random.weighted({ message: 30, again: 4, archive: 0.7, forget: 0.4, restart: 0.7, begin: 1.5 });
    unit.note(step);
    if (step === 'archive' && read) {
      await pair.must('archive');
    } else if (step === 'forget') {
      await pair.must('delete_session');
      read = false;
    } else if (step === 'restart') await restart(unit, pair);
    else if (step === 'begin') await pair.startAgain({}, bundle());
    else if (step === 'again' && past.length > 0) {
      if (await pair.deliver(undefined, random.pick(past), 'a message again') === false) return;
    } else {
      const change = request(random, read, changes, flippable);
      unit.note(JSON.stringify(change.said, (_, value) => (typeof value === 'string' && value.length > 80 ? value.length / 2 : value)));
      const messages = await pair.craft(change.make ?? change);
      past.push(messages);
      const agreed = await pair.deliver(undefined, messages, 'a crafted message');
      if (agreed === false) return;
      read ||= agreed.ok;
    }
    await same(unit, pair);
  }
  // Whatever it was, a new session works.
  await pair.must('forget_identity');
  await pair.startAgain({}, bundle());
  await pair.honest({ first: true });
  await pair.honest();
}

/** Stored and read again. */
async function restart(unit, pair) {
  const saved = await pair.must('save');
  await Promise.all(pair.ends.map(({ side, party }, i) => unit.must(side, 'load', { party, state: saved[i].state })));
}

/** What can be seen of the stores is the same on both sides. */
async function same(unit, pair) {
  const seen = await pair.look();
  const [official, ours] = [seen.slice(0, 3), seen.slice(3)].map(([stored, identity, session]) => JSON.stringify([
    stored.prekeys, stored.signed_prekeys, stored.kyber_prekeys, identity.identity_key !== null, session.exists, session.usable,
    session.remote_registration_id,
  ]));
  unit.expect(official === ours, 'the stores differ', { official, ours });
}

/** A message: mostly honest in most things. */
function request(random, read, changes, flippable) {
  const first = random.chance(read ? 0.25 : 0.95);
  const said = { first, commit: random.chance(0.6), plaintext: random.plaintext(), ...path(random) };
  for (let n = random.weighted({ 0: 5, 1: 6, 2: 2 }) | 0; n > 0; n -= 1) Object.assign(said, random.pick(changes)(random, said));
  if (first && random.chance(0.2)) said.outer = outerChange(random);
  if (!random.chance(0.3)) return { ...said, said };
  const flip = flipped(random, flippable);
  return { said: { ...said, flip: flip.said }, make: (honest) => flip.apply(said, honest) };
}

/** Near or far in the double ratchet, sometimes back. */
function path(random) {
  return random.weighted({ next: 12, skip: 3, far: 0.3, back: 2 }) === 'next' ? {} : random.pick([
    { skip: random.between(1, 30) }, { skip: random.pick([1999, 2000, 2001, 24_999, 25_000, 25_001]) }, { counter: random.below(40) },
  ]);
}

const ADDRESSES = (random, { fields }) => ({ fields: { ...fields, addresses: random.pick([null, random.hex(36), '']) } });

/** Not the base key: what a changed one is good for depends on the key, and keys differ between the sides. */
const FLIPPABLE = ['ratchet_key', 'pq_ratchet', 'kyber_ciphertext'];

const CHANGES = [
  (random, { fields }) => ({ fields: { ...fields, previous_counter: random.pick([null, 0, 1, 7, 0xffff_ffff]) } }),
  (random, { fields }) => ({ fields: { ...fields, counter: random.pick([0, 1, 2, 3, 100, 25_000, 25_001, 0xffff_ffff]) } }),
  // Never whole blocks: whether random ones end in a padding depends on the keys, which differ.
  (random, { fields }) => ({ fields: { ...fields, ciphertext: random.hex(random.pick([0, 1, 15, 17, 31, 33])) } }),
  (random, { fields }) => ({ fields: { ...fields, pq_ratchet: random.pick([null, '', '00', '01', '0101', random.hex(random.between(1, 60))]) } }),
  (random) => ({ padded: random.pick([random.hex(16), random.hex(32), '10'.repeat(16), `${random.hex(15)}01`, '00'.repeat(16)]) }),
  (random) => ({ version: random.pick([0x33, 0x34, 0x40, 0x43, 0x45, 0x4f, 0x54, 0x24, 0x04]) }),
  (random) => ({ outer_version: random.pick([0x33, 0x34, 0x40, 0x4f, 0x54, 0x24]) }),
  (random) => ({ mac_identities: random.pick(['swapped', 'sender twice', 'recipient twice']) }),
  () => ({ without_post_quantum_key: true }),
  (random) => ({ flip_from_end: random.below(64) }),
];

function outerChange(random) {
  const id = random.pick([null, 0, 1, 2, 3, 4, 9, 0xffff_ffff]);
  return random.pick([
    { one_time_id: id }, { signed_id: id }, { kyber_id: id }, { registration_id: id }, { kyber_ciphertext: null },
    { kyber_ciphertext: random.hex(random.pick([0, 1, 1568])) }, { base_key: null }, { identity_key: null },
  ]);
}

/** One bit of a byte string that the sender alone knows. */
function flipped(random, flippable) {
  const [field, position, mask] = [random.pick(flippable), random.u32(), 1 << random.below(8)];
  return {
    said: `${field} ${position} ${mask}`,
    apply(said, honest) {
      const bytes = Buffer.from(honest[field] ?? '');
      if (bytes.length === 0) return said;
      bytes[position % bytes.length] ^= mask;
      const inside = ['ratchet_key', 'addresses', 'pq_ratchet'].includes(field);
      const part = inside ? 'fields' : 'outer';
      return { ...said, [part]: { ...said[part], [field]: bytes.toString('hex') } };
    },
  };
}
