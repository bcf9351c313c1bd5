/** Randomly changed bytes into every parser that a stranger can reach: the same result on both sides, the same class of error. */
import { Authority } from '../authority.mjs';
import { anywhere } from '../mutate.mjs';
import { readable } from './decryption_errors.mjs';

export const name = 'mutations';
export const units = (scripts) => Math.max(10, Math.ceil(scripts / 20));

const ROUNDS = 25;
const NOW_MS = 1_790_000_000_000;

export async function run(unit) {
  const { random } = unit;
  const reader = await party(unit, 'reader');
  const sender = await party(unit, 'sender');
  const stranger = await party(unit, 'stranger');
  const targets = [
    await sessionMessages(unit, reader, sender, stranger), await envelopes(unit, reader, sender), await sentMessages(unit, reader, sender),
    await certificates(unit, sender), await senderKeys(unit, reader, sender),
  ];
  for (let round = 0; round < ROUNDS; round += 1) for (const target of targets) await target();
  for (const { handle } of [reader, sender, stranger]) await unit.bothMust('drop_party', { party: handle });
}

/** A person with one identity and two bodies. */
async function party(unit, role) {
  const { random } = unit;
  const made = { handle: `${unit.prefix}.${role}`, name: random.uuid(), device: random.between(1, 127) };
  const { identity_key: identityKey } = await unit.bothMust('new_party', {
    party: made.handle, name: made.name, device: made.device, registration_id: random.between(1, 16000), identity_private: random.hex(32),
  });
  return { ...made, identityKey };
}

const side = (unit) => (unit.random.chance(0.5) ? unit.official : unit.ours);

function changed(unit, message) {
  let bytes = Buffer.from(message, 'hex');
  for (let n = unit.random.between(1, 2); n > 0; n -= 1) bytes = anywhere(unit.random, bytes);
  return bytes.toString('hex');
}

/**
 * Messages that were never meant for the reader, who has prekeys of the same numbers: all of the way up to the last check is the same on
 * both sides, and none may be read.
 */
async function sessionMessages(unit, reader, sender, stranger) {
  const { random } = unit;
  const from = side(unit);
  const options = { one_time: random.chance(0.7), kyber: random.pick(['one_time', 'last_resort']) };
  const { bundle } = await unit.must(from, 'bundle', { party: stranger.handle, ...options });
  for (const one of [unit.official, unit.ours]) {
    await unit.must(one, 'bundle', { party: reader.handle, ...options });
    const peer = await unit.must(one, 'bundle', { party: stranger.handle, ...options });
    await unit.must(one, 'process_bundle', { party: reader.handle, name: stranger.name, device: stranger.device, bundle: peer.bundle, now_ms: NOW_MS });
  }
  const to = { name: stranger.name, device: stranger.device };
  await unit.must(from, 'process_bundle', { party: sender.handle, ...to, bundle, now_ms: NOW_MS });
  const first = await unit.must(from, 'encrypt', { party: sender.handle, ...to, plaintext: random.plaintext(), now_ms: NOW_MS });
  const asSender = { name: sender.name, device: sender.device };
  await unit.must(from, 'decrypt', { party: stranger.handle, ...asSender, type: first.type, message: first.message });
  const second = await unit.must(from, 'encrypt', { party: stranger.handle, ...asSender, plaintext: random.plaintext(), now_ms: NOW_MS });
  return async () => {
    const { type, message } = random.pick([first, second]);
    const peer = random.pick([asSender, to]);
    const args = { party: reader.handle, ...peer, type: random.chance(0.95) ? type : 5 - type, message: changed(unit, message) };
    const answer = await unit.both('decrypt', args);
    unit.expect(!answer.ok, 'a message for somebody else is not read', { args, answer });
    const opened = await unit.both('decryption_error', { type: args.type, message: args.message, timestamp: 1, device: 1 });
    if (opened.ok) await readable(unit, Buffer.from(changed(unit, opened.plaintext_content), 'hex'));
  };
}

/** Envelopes of version 1 that the reader could open. */
async function envelopes(unit, reader, sender) {
  const { random } = unit;
  const authority = await Authority.make(unit);
  const certificate = await authority.certify(sender, { expires: NOW_MS });
  await unit.bothMust('set_identity', { party: sender.handle, name: reader.name, device: reader.device, identity_key: reader.identityKey });
  const { message } = await unit.must(side(unit), 'ss1_seal', {
    party: sender.handle, name: reader.name, device: reader.device, certificate, type: random.pick([2, 3, 7, 8]), content: random.plaintext(),
    content_hint: 1, group_id: random.hex(32),
  });
  return async () => {
    const args = { party: reader.handle, message: changed(unit, message) };
    const { agreed } = await unit.ask('ss_open', args);
    // Where ours is stricter and does not open an envelope, the library goes on to look at what is in it.
    if (agreed) await unit.both('ss_decrypt', { ...args, trust_root: authority.root, now_ms: NOW_MS, local_e164: null });
  };
}

/** What a server splits, and the parts that it makes. */
async function sentMessages(unit, reader, sender) {
  const { random } = unit;
  const authority = await Authority.make(unit);
  const certificate = await authority.certify(sender, { expires: NOW_MS });
  const from = side(unit);
  const recipients = [];
  for (let i = random.between(1, 3); i > 0; i -= 1) {
    const to = i === 1 ? { name: reader.name, device: reader.device } : { name: random.uuid(), device: random.between(1, 127) };
    // Both sides make prekeys, so that a changed number names one on both or on neither.
    const bundles = new Map();
    for (const one of [unit.official, unit.ours]) {
      bundles.set(one, (await unit.must(one, 'bundle', { party: reader.handle, one_time: false, kyber: 'last_resort' })).bundle);
    }
    const bundle = bundles.get(from);
    await unit.must(from, 'process_bundle', { party: sender.handle, ...to, bundle, now_ms: NOW_MS });
    recipients.push(to);
  }
  const { message } = await unit.must(from, 'ss2_encrypt', {
    party: sender.handle, recipients, excluded: random.chance(0.5) ? [random.uuid()] : [], certificate, type: 7, content: random.plaintext(),
    content_hint: 0, group_id: null,
  });
  const { received } = (await unit.bothMust('ss2_split', { message })).recipients.find((one) => one.service_id === reader.name);
  return async () => {
    await unit.both('ss2_split', { message: changed(unit, message) });
    await unit.both('ss_open', { party: reader.handle, message: changed(unit, received) });
  };
}

async function certificates(unit, sender) {
  const { random } = unit;
  const authority = await Authority.make(unit);
  const e164 = random.chance(0.5) ? '+15550123' : null;
  const certificate = await authority.certify(sender, { e164, expires: NOW_MS });
  return () => unit.both('validate_certificate', {
    certificate: changed(unit, certificate), trust_roots: [random.chance(0.9) ? authority.root : authority.serverKey], now_ms: NOW_MS,
  });
}

/** Group messages, refused by a reader who has the key; a key that was changed is tried by a copy of the reader. */
async function senderKeys(unit, reader, sender) {
  const { random } = unit;
  const from = side(unit);
  const distribution = { party: sender.handle, distribution_id: random.uuid() };
  const { message: key } = await unit.must(from, 'group_create', distribution);
  const as = { name: sender.name, device: sender.device };
  await unit.bothMust('group_process', { party: reader.handle, ...as, message: key });
  const { message } = await unit.must(from, 'group_encrypt', { ...distribution, plaintext: random.plaintext() });
  return async () => {
    const broken = changed(unit, message);
    const answer = await unit.both('group_decrypt', { party: reader.handle, ...as, message: broken });
    unit.expect(!answer.ok || broken === message, 'a changed group message is not read', { answer });
    await unit.both('group_process', { party: reader.handle, name: random.uuid(), device: 1, message: changed(unit, key) });
  };
}
