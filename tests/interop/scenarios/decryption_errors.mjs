/** The plaintext answer to a message that could not be read, and what its receiver makes of it. */
import { anywhere } from '../mutate.mjs';
import { SessionScript } from '../session_script.mjs';

export const name = 'decryption_errors';
export const units = (scripts) => Math.max(10, Math.ceil(scripts / 40));

export async function run(unit) {
  const { random } = unit;
  const script = new SessionScript(unit);
  await script.people(2);
  const [a, b] = script.parties;
  for (let round = random.between(2, 5); round > 0; round -= 1) {
    const item = await script.say(a, b);
    await complain(unit, script, item, a, b);
    await script.deliver(script.take(item), { must: true });
    if (random.chance(0.7)) await script.deliver(script.take(await script.say(b, a)), { must: true });
    if (random.chance(0.2)) await script.establish(a, b);
  }
  await others(unit);
  await script.twin.end();
}

async function complain(unit, script, item, sender, reader) {
  const { random } = unit;
  const timestamp = random.pick([0, 1, script.now, 2 ** 53 - 1]);
  const device = random.pick([0, sender.device, 127, 0xffffffff]);
  const keys = [];
  for (const [world, message] of item.bytes.entries()) {
    const made = await unit.bothMust('decryption_error', { type: item.type, message, timestamp, device });
    const parsed = await unit.bothMust('parse_decryption_error', { plaintext_content: made.plaintext_content });
    unit.expect(parsed.timestamp === timestamp && parsed.device === device && parsed.ratchet_key !== null, 'it says what went in', { parsed });
    keys[world] = parsed.ratchet_key;
    for (let n = 0; n < 6; n += 1) {
      const changed = anywhere(random, Buffer.from(made.plaintext_content, 'hex'));
      await readable(unit, changed);
      await unit.both('decryption_error', { type: item.type, message: anywhere(random, Buffer.from(message, 'hex')).toString('hex'), timestamp, device });
    }
  }
  const about = (key) => (world) => ({ name: reader.name, device: reader.device, ratchet_key: key(world) });
  const [matches] = await script.twin.must(sender, 'ratchet_key_matches', about((world) => keys[world]));
  unit.expect(matches.matches, 'the sender knows its ratchet key again', { matches });
  const [crossed] = await script.twin.must(sender, 'ratchet_key_matches', about((world) => keys[1 - world]));
  unit.expect(!crossed.matches, 'and no other');
  await script.twin.must(reader, 'ratchet_key_matches', (world) => ({ name: 'nobody', device: 1, ratchet_key: keys[world] }));
}

/** Reads changed bytes on both sides; a number above 2^53, which JavaScript cannot hold, is passed over. */
export async function readable(unit, content) {
  const args = { plaintext_content: content.toString('hex') };
  const official = await unit.official.call('parse_decryption_error', args);
  const beyond = official.ok ? !Number.isSafeInteger(official.timestamp) : /^precision loss during conversion/.test(official.detail);
  if (beyond) return;
  const ours = await unit.call(unit.ours, 'parse_decryption_error', args);
  unit.compare('parse_decryption_error', { args, answer: official }, { args, answer: ours });
}

/** Types that have no ratchet key, and contents that hold no complaint. */
async function others(unit) {
  const { random } = unit;
  await unit.both('decryption_error', { type: 7, message: random.hex(random.below(90)), timestamp: 5, device: 1 });
  await unit.both('decryption_error', { type: 8, message: `c0${random.hex(3)}80`, timestamp: 5, device: 1 });
  for (const content of ['', 'c0', 'c080', 'c180', 'c00a0080', 'c0420080', 'c04202100080', 'c0420210', `c0${random.hex(8)}80`]) {
    await readable(unit, Buffer.from(content, 'hex'));
  }
}
