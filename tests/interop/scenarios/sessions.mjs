/** Random scripts between two to four people: every way in which a network and people's devices can fail a conversation. */
import { DAY_MS, SessionScript } from '../session_script.mjs';

export const name = 'sessions';
export const units = (scripts) => scripts;

const STYLES = { orderly: 37, chaos: 38, starts: 13, late: 4, turns: 2.5, burst: 3.6, archives: 0.5, window: 0.2 };

export async function run(unit) {
  const script = new SessionScript(unit);
  const style = unit.random.weighted(STYLES);
  unit.note(style);
  await STEPS[style](script, unit.random);
  const [first, ...others] = unit.random.shuffle(script.parties);
  for (const other of others) await script.heal(first, other);
  await script.twin.end();
}

const STEPS = { orderly, chaos, starts, late, turns, burst, archives, window };

/** Loss, small delays, repeats and corrupted copies between people who do nothing unusual: every message must be readable once. */
async function orderly(script, random) {
  await script.people(random.weighted({ 2: 8, 3: 1 }) | 0);
  for (let steps = random.between(8, 45); steps > 0; steps -= 1) {
    const [from, to] = script.pair();
    const late = script.queue.filter((item) => script.sent - item.born > 3);
    for (const item of late) await script.deliver(script.take(item), { must: !item.read });
    const queued = script.queue.length > 0 ? random.pick(script.queue) : null;
    const step = random.weighted({ say: 40, many: 6, deliver: 45, lose: 5, repeat: 5, corrupt: 5, bundle: 2, restart: 1, look: 4 });
    if (step === 'say') await script.say(from, to);
    else if (step === 'many') for (let n = random.between(2, 6); n > 0; n -= 1) await script.say(from, to);
    else if (step === 'bundle') await script.establish(from, to);
    else if (step === 'restart') await script.twin.restart(from, random.chance(0.15));
    else if (step === 'look') await script.look(from, to);
    else if (step === 'repeat' && script.done.length > 0) await script.deliver(random.pick(script.done));
    else if (queued === null) continue;
    else if (step === 'deliver') await script.deliver(script.take(queued), { must: !queued.read });
    else if (step === 'lose') script.take(queued);
    else if (step === 'corrupt') await script.corrupt(queued);
  }
}

/** Everything may happen; the official library in the same situation says what is right. */
async function chaos(script, random) {
  await script.people(random.weighted({ 2: 6, 3: 3, 4: 1 }) | 0);
  for (let steps = random.between(8, 60); steps > 0; steps -= 1) {
    const [from, to] = script.pair();
    const step = random.weighted(CHAOS);
    if (ACTIONS[step]) {
      await ACTIONS[step](script, from, to, random);
      continue;
    }
    if (script.queue.length === 0) continue;
    await ON_ITEM[step](script, random.pick(script.queue), random);
  }
}

const CHAOS = {
  say: 40, many: 6, repeat: 5, establish: 3, look: 3, archive: 1.5, forget: 0.7, reinstall: 0.7, trust: 2, restart: 1, stale: 1, badBundle: 2,
  deliver: 45, lose: 6, corrupt: 8, copy: 3, misdirect: 2, mistype: 1, clone: 1,
};

const ACTIONS = {
  say: (script, from, to) => script.say(from, to),
  async many(script, from, to, random) {
    for (let n = random.between(2, 9); n > 0; n -= 1) await script.say(from, to);
  },
  repeat: (script, from, to, random) => script.done.length > 0 && script.deliver(random.pick(script.done)),
  establish: (script, from, to) => script.establish(from, to),
  look: (script, from, to) => script.look(from, to),
  archive(script, from, to) {
    script.unit.note(`A${from.key[1]}${to.key[1]}`);
    return script.twin.call(from, 'archive', { name: to.name, device: to.device });
  },
  forget(script, from, to) {
    script.unit.note(`F${from.key[1]}${to.key[1]}`);
    return script.twin.must(from, 'delete_session', { name: to.name, device: to.device });
  },
  reinstall: (script, from) => script.reinstall(from),
  trust(script, from, to, random) {
    script.unit.note(`T${from.key[1]}${to.key[1]}`);
    const peer = { name: to.name, device: to.device };
    return random.chance(0.5)
      ? script.twin.must(from, 'forget_identity', peer)
      : script.twin.must(from, 'set_identity', { ...peer, identity_key: to.identityKey });
  },
  restart: (script, from, to, random) => script.twin.restart(from, random.chance(0.3)),
  /** A month passes for one message; the unacknowledged session is then of no use. */
  async stale(script, from, to, random) {
    script.unit.note('stale');
    const plaintext = random.plaintext();
    const now = script.now + random.pick([29 * DAY_MS, 30 * DAY_MS, 30 * DAY_MS + 1, 31 * DAY_MS]);
    const answers = await script.twin.call(from, 'encrypt', { name: to.name, device: to.device, plaintext, now_ms: now });
    if (answers[0].ok) script.post(from, to, answers, plaintext);
  },
  /** A bundle that was changed on its way, processed by a copy of the party. */
  async badBundle(script, from, to, random) {
    const bundles = await script.twin.must(to, 'bundle', script.bundleOptions());
    const change = bundleChange(random);
    const signs = random.chance(0.4);
    script.unit.note(`bad bundle ${change.name}${signs ? ' signed' : ''}`);
    const changed = bundles.map(({ bundle }) => change.apply(bundle));
    if (signs) await Promise.all(changed.map((bundle) => signAgain(script.unit, bundle, to.identityPrivate)));
    await script.twin.onClone(from, (clone) => script.twin.call(clone, 'process_bundle', (world) => ({
      name: to.name, device: to.device, bundle: changed[world], now_ms: script.now,
    })));
  },
};

const ON_ITEM = {
  deliver: (script, item) => script.deliver(script.take(item)),
  lose: (script, item) => script.take(item),
  corrupt: (script, item) => script.corrupt(item),
  copy: (script, item) => script.deliver(item),
  /** To somebody else, as if from somebody else, or as if meant for somebody else. */
  misdirect(script, item, random) {
    const other = random.pick(script.parties);
    const kind = random.weighted({ to: 1, from: 1, local: item.type === 3 ? 1 : 0 });
    script.unit.note(`misdirect ${kind} ${other.key[1]}`);
    if (kind === 'to') return script.deliver(item, { to: other });
    if (kind === 'from') return script.deliver(item, { name: other.name, device: other.device });
    return script.deliver(item, { local: { local_name: other.name, local_device: random.between(1, 127) } });
  },
  mistype: (script, item) => script.deliver(item, { type: 5 - item.type }),
  /** Several changed copies to a copy of the party, which then still reads the message itself. */
  async clone(script, item, random) {
    await script.twin.onClone(item.to, async (to) => {
      for (let n = random.between(1, 6); n > 0; n -= 1) await script.corrupt(item, to);
      await script.deliver(item, { to });
    });
  },
};

/** Signs whatever keys the bundle has now: what its owner could do on purpose. */
async function signAgain(unit, bundle, identityPrivate) {
  for (const field of ['signed_prekey', 'kyber_prekey']) {
    const { signature } = await unit.must(unit.official, 'sign', { private_key: identityPrivate, message: bundle[field] });
    bundle[`${field}_signature`] = signature;
  }
}

/** A change to one field of a bundle, the same in both worlds. */
function bundleChange(random) {
  const field = random.pick(['identity_key', 'prekey', 'signed_prekey', 'signed_prekey_signature', 'kyber_prekey', 'kyber_prekey_signature']);
  const kind = random.weighted({ bit: 6, topBit: 2, type: 1, cut: 1, longer: 1, nothing: 1, numbers: 2 });
  const [position, mask, extra] = [random.u32(), 1 << random.below(8), random.bytes(random.between(1, 3))];
  const onField = (alter) => (bundle) =>
    (bundle[field] === null ? bundle : { ...bundle, [field]: alter(Buffer.from(bundle[field], 'hex')).toString('hex') });
  const flip = (at, bit) => onField((bytes) => {
    bytes[at < 0 ? bytes.length + at : at % bytes.length] ^= bit;
    return bytes;
  });
  const numbers = random.pick([
    { device: 0 }, { device: 128 }, { device: 90 }, { registration_id: 0xffffffff }, { prekey_id: null }, { prekey: null },
    { signed_prekey_id: 0 }, { kyber_prekey_id: 0xffffffff },
  ]);
  const applies = {
    // Nobody can agree on anything with this point.
    nothing: onField((bytes) => (bytes.length === 33 ? Buffer.concat([Buffer.of(5), Buffer.alloc(32)]) : bytes)),
    bit: flip(position, mask), topBit: flip(-1, 0x80), type: flip(0, mask),
    cut: onField((bytes) => bytes.subarray(0, position % bytes.length)), longer: onField((bytes) => Buffer.concat([bytes, extra])),
    numbers: (bundle) => ({ ...bundle, ...numbers }),
  };
  return { name: kind === 'numbers' ? JSON.stringify(numbers) : `${kind} ${field}`, apply: applies[kind] };
}

/** Beginnings: both at once, several bundles before the first answer, archived and deleted sessions. */
async function starts(script, random) {
  await script.people(2);
  const [a, b] = script.parties;
  for (let rounds = random.between(1, 4); rounds > 0; rounds -= 1) {
    await script.establish(a, b);
    if (random.chance(0.8)) await script.establish(b, a);
    for (let n = random.between(1, 8); n > 0; n -= 1) await script.say(...script.pair());
    const waiting = random.shuffle(script.queue).filter(() => random.chance(0.8));
    for (const item of waiting) await script.deliver(script.take(item), { must: true });
    if (random.chance(0.3)) await ACTIONS.archive(script, ...script.pair());
    await script.look(a, b);
    await script.look(b, a);
  }
  if (random.chance(0.3)) await ACTIONS.forget(script, ...script.pair());
}

/** More than two hundred turns of the ratchet: the post-quantum part goes through several of its epochs. */
async function turns(script, random) {
  await script.people(2);
  const [a, b] = script.parties;
  const loss = random.pick([0, 0.05, 0.2]);
  const many = random.chance(0.3) ? 2 : 1;
  for (let turn = random.between(205, 260); turn > 0; turn -= 1) {
    const [from, to] = turn % 2 === 0 ? [a, b] : [b, a];
    for (let n = random.between(1, many); n > 0; n -= 1) {
      const item = script.take(await script.say(from, to, random.hex(8)));
      if (!random.chance(loss)) await script.deliver(item, { must: true });
      else if (random.chance(0.5)) script.queue.push(item);
    }
    // From a chain or an epoch that may be gone by now.
    if (random.chance(0.05) && script.queue.length > 0) await script.deliver(script.take(random.pick(script.queue)));
    if (random.chance(0.01)) await script.twin.restart(from, random.chance(0.3));
  }
}

/** Messages that arrive several turns late: of the chains of the other side, only the newest five are kept. */
async function late(script, random) {
  await script.people(2);
  const [a, b] = script.parties;
  for (let turn = random.between(8, 30); turn > 0; turn -= 1) {
    const [from, to] = turn % 2 === 0 ? [a, b] : [b, a];
    for (let n = random.between(0, 2); n > 0; n -= 1) await script.say(from, to);
    await script.deliver(script.take(await script.say(from, to)), { must: true });
    if (random.chance(0.2) && script.queue.length > 0) await script.deliver(script.take(random.pick(script.queue)));
  }
  for (const item of random.shuffle(script.queue)) await script.deliver(script.take(item));
}

/** More sessions than a record keeps, and a message of each that comes at last. */
async function archives(script, random) {
  await script.people(2);
  const [a, b] = script.parties;
  for (let n = random.between(38, 46); n > 0; n -= 1) {
    const [from, to] = random.chance(0.8) ? [a, b] : [b, a];
    await script.establish(from, to);
    await script.say(from, to);
    await script.deliver(script.take(await script.say(from, to)), { must: true });
    if (random.chance(0.3)) await script.say(to, from);
  }
  const waiting = random.chance(0.5) ? [...script.queue] : random.shuffle(script.queue);
  for (const item of waiting) await script.deliver(script.take(item));
}

/** Many at once, of which few arrive, in any order. */
async function burst(script, random, count = random.between(20, 160)) {
  await script.people(2);
  const [a, b] = script.parties;
  await script.deliver(script.take(await script.say(a, b)), { must: true });
  if (random.chance(0.7)) await script.deliver(script.take(await script.say(b, a)), { must: true });
  for (const [from, to] of count < 1000 && random.chance(0.5) ? [[a, b], [b, a]] : [[b, a]]) {
    const items = await script.burst(from, to, count);
    script.queue = [];
    const arriving = [items.at(-1), ...random.shuffle([...items.slice(0, 4), ...items.slice(-9, -1), random.pick(items), random.pick(items)])];
    for (const item of arriving) await script.deliver(item, { must: count < 1990 && !item.read });
    if (random.chance(0.3)) await script.twin.restart(to, random.chance(0.3));
    await script.deliver(script.take(await script.say(to, from)), { must: true });
    await script.deliver(random.pick(items));
  }
}

/** As before, around the number of skipped keys that are kept. */
function window(script, random) {
  return burst(script, random, random.between(1995, 2040));
}
