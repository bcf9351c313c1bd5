/** Safety numbers of random pairs: one person sees the official library's, the other one ours. */
import { anywhere } from '../mutate.mjs';
import { lastField, parse } from '../protobuf.mjs';

export const name = 'safety_numbers';
/** A thousand pairs from a thousand scripts on, fewer in shorter runs. */
export const units = (scripts) => Math.min(Math.max(Math.ceil(scripts / 50), 2), 20);

const PAIRS = 50;

export async function run(unit) {
  for (let i = 0; i < PAIRS; i += 1) await pair(unit);
  await outOfRange(unit);
}

async function person(unit, version) {
  const { random } = unit;
  const id = version === 2 ? random.hex(16) : Buffer.from(`+${random.between(10 ** 9, 10 ** 12)}`).toString('hex');
  return { id: random.chance(0.02) ? '' : id, key: (await unit.bothMust('public_key', { private_key: random.hex(32) })).public_key };
}

const seenBy = (me, peer, version, iterations) => (
  { version, iterations, local_id: me.id, local_key: me.key, remote_id: peer.id, remote_key: peer.key });

async function pair(unit) {
  const { random } = unit;
  const version = random.pick([1, 2, 2]);
  const [alice, bob] = [await person(unit, version), await person(unit, version)];
  const [official, ours] = await Promise.all([
    unit.must(unit.official, 'fingerprint', seenBy(alice, bob, version, 5200)), unit.must(unit.ours, 'fingerprint', seenBy(bob, alice, version, 5200)),
  ]);
  unit.expect(/^[0-9]{60}$/.test(ours.display) && official.display === ours.display, 'both people see the same number', { official, ours });
  unit.expect(swapped(official.scannable) === swapped(ours.scannable, true), 'both codes hold the same two halves', { official, ours });
  for (const [mine, theirs] of [[official, ours], [ours, official]]) await compare(unit, mine.scannable, theirs.scannable, true);
  if (random.chance(0.2)) {
    const few = random.pick([2, 3, 100]);
    const mallory = await person(unit, version);
    const wrong = await unit.bothMust('fingerprint', seenBy(bob, mallory, version, few));
    await compare(unit, official.scannable, wrong.scannable, false);
    await compare(unit, official.scannable, official.scannable, alice.key === bob.key);
    const other = await unit.bothMust('fingerprint', seenBy(bob, alice, 3 - version, few));
    await compare(unit, official.scannable, other.scannable, 'fingerprint_version_mismatch');
  }
  const changed = anywhere(random, Buffer.from(ours.scannable, 'hex')).toString('hex');
  await unit.both('fingerprint_compare', { mine: official.scannable, theirs: changed });
  await unit.both('fingerprint_compare', { mine: changed, theirs: official.scannable });
}

async function compare(unit, mine, theirs, expected) {
  const answer = await unit.both('fingerprint_compare', { mine, theirs });
  unit.expect((answer.ok ? answer.match : answer.error) === expected, `the comparison says ${expected}`, { answer });
}

/** The version and the two halves of a code, the other one first if `swap`. */
function swapped(scannable, swap = false) {
  const fields = parse(Buffer.from(scannable, 'hex'));
  const half = (number) => lastField(parse(lastField(fields, number).bytes), 1).bytes.toString('hex');
  return [lastField(fields, 1).value, ...(swap ? [half(3), half(2)] : [half(2), half(3)])].join();
}

async function outOfRange(unit) {
  const [alice, bob] = [await person(unit, 2), await person(unit, 2)];
  for (const iterations of [0, 1, 1_000_001]) {
    const answer = await unit.both('fingerprint', seenBy(alice, bob, 2, iterations));
    unit.expect(answer.error === 'fingerprint_invalid', 'so many iterations are refused', { answer, iterations });
  }
  await unit.both('fingerprint', seenBy({ ...alice, key: alice.key.slice(2) }, bob, 2, 5));
}
