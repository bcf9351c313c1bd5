/** Sealed sender, one recipient and many: full exchanges in crossed worlds, and every envelope opened by both sides from the same bytes. */
import { Authority, TEST_CERTIFICATE } from '../authority.mjs';
import { anywhere } from '../mutate.mjs';
import { DAY_MS, SessionScript } from '../session_script.mjs';

export const name = 'sealed';
export const units = (scripts) => Math.max(20, Math.ceil(scripts / 10));

export async function run(unit) {
  const { random } = unit;
  const script = new SessionScript(unit);
  const authority = await Authority.make(unit);
  for (let i = 0; i < random.between(2, 6); i += 1) await addParty(script, i);
  const [sender, ...recipients] = script.parties;
  const expires = script.now + 30 * DAY_MS;
  const e164 = random.chance(0.5) ? `+1${random.between(2_000_000_000, 9_999_999_999)}` : null;
  const sealed = {
    unit, random, script, authority, sender, recipients, expires, e164, certificate: await authority.certify(sender, { e164, expires }),
  };
  for (const recipient of recipients) await script.establish(sender, recipient);
  for (const recipient of recipients.slice(0, 2)) await exchange(sealed, recipient);
  await selfSend(sealed);
  await certificates(sealed);
  await contents(sealed);
  for (let n = random.between(1, 3); n > 0; n -= 1) await many(sealed);
  await refusals(sealed);
  await script.twin.end();
}

/** A party with a service id; sometimes the second device of one that exists. */
async function addParty(script, i) {
  const { random, twin } = script;
  const first = i > 1 && random.chance(0.3) ? script.parties.at(-1) : null;
  await twin.party({
    name: first?.name ?? (random.chance(0.15) && i > 0 ? `PNI:${random.uuid()}` : random.uuid()), device: (first?.device ?? 0) % 100 + random.between(1, 27),
    registrationId: random.pick([0, 1, 0x3fff, random.between(1, 0x3fff)]), identityPrivate: first?.identityPrivate ?? random.hex(32),
    official: random.chance(0.5),
  });
  script.parties[i].incarnation = 0;
}

const groupId = (random) => random.pick([null, '', random.hex(32), random.hex(1)]);
const asExpected = (text) => text || null;

/** Envelopes there and back, each tried first by somebody who must refuse it. */
async function exchange(sealed, recipient) {
  const { unit, random, script, authority, sender, expires } = sealed;
  const back = await authority.certify(recipient, { expires });
  for (let round = random.between(1, 4); round > 0; round -= 1) {
    const [from, to, certificate, e164] = round % 2 === 0
      ? [recipient, sender, back, null]
      : [sender, recipient, sealed.certificate, sealed.e164];
    const plaintext = random.plaintext();
    const args = { name: to.name, device: to.device, certificate, plaintext, content_hint: random.pick([0, 1, 2, 77]), group_id: groupId(random), now_ms: script.now };
    const answers = await script.twin.call(from, 'ss1_encrypt', args);
    if (!answers[0].ok) {
      unit.expect(answers[0].error === 'no_session', 'only a missing session prevents it', { answer: answers[0] });
      continue;
    }
    const open = (changes) => script.twin.call(to, 'ss_decrypt', (world) => ({
      message: answers[world].message, trust_root: authority.root, now_ms: script.now, local_e164: null, ...changes,
    }));
    if (random.chance(0.4)) await refuse(unit, open({ now_ms: expires + 1 }));
    if (random.chance(0.4)) await refuse(unit, open({ trust_root: authority.serverKey }));
    for (const answer of answers) {
      const [opened] = await script.twin.must(to, 'ss_open', { message: answer.message });
      unit.expect(opened.content_hint === args.content_hint && opened.group_id === asExpected(args.group_id), 'hint and group arrive', { opened, args });
    }
    await script.twin.onClone(to, async (clone) => {
      const message = answers.map((answer) => answer.message);
      for (let n = 3; n > 0; n -= 1) await changedEnvelope(script, clone, message[random.below(2)]);
    });
    const [read] = await open({ now_ms: expires });
    unit.expect(read.ok && read.plaintext === plaintext, 'a sealed message is read', { read, plaintext });
    unit.expect(read.sender_name === from.name && read.sender_device === from.device && read.sender_e164 === e164, 'its sender is named', { read });
    await refuse(unit, open({}), 'duplicate_message');
  }
}

async function refuse(unit, answers, error = 'sealed_sender_invalid') {
  const [answer] = await answers;
  unit.expect(!answer.ok && answer.error === error, `refused as ${error}`, { answer });
}

/** The same changed bytes for both sides. */
async function changedEnvelope(script, to, message) {
  const changed = anywhere(script.random, Buffer.from(message, 'hex')).toString('hex');
  await script.twin.call(to, 'ss_open', { message: changed });
}

/** Messages from this very device, known by name or by number, and from another device of the same account. */
async function selfSend({ unit, random, script, authority, recipients: [recipient], sender, expires }) {
  const number = '+15550100';
  const cases = [
    [{ name: recipient.name, device: recipient.device }, null, true],
    [{ name: recipient.name, device: recipient.device % 127 + 1 }, null, false],
    [{ name: sender.name, device: recipient.device, e164: number }, number, true],
    [{ name: sender.name, device: recipient.device, e164: number }, '+15550101', false],
  ];
  const [claims, local, self] = random.pick(cases);
  const certificate = await authority.certify(sender, { ...claims, expires });
  const sealedAnswers = await script.twin.must(sender, 'ss1_seal', {
    name: recipient.name, device: recipient.device, certificate, type: 2, content: random.hex(60), content_hint: 0, group_id: null,
  });
  const [answer] = await script.twin.call(recipient, 'ss_decrypt', (world) => ({
    message: sealedAnswers[world].message, trust_root: authority.root, now_ms: script.now, local_e164: local,
  }));
  unit.expect((answer.error === 'sealed_sender_self_send') === self, `self-send is ${self}`, { answer, claims, local });
}

/** Certificates that hold and that do not, whole and by reference. */
async function certificates({ unit, random, script, authority, sender, certificate, expires }) {
  const test = TEST_CERTIFICATE;
  const { public_key: testRoot } = await unit.bothMust('public_key', { private_key: test.rootPrivate });
  const other = (await unit.bothMust('public_key', { private_key: random.hex(32) })).public_key;
  const byReference = (id, serverPrivate) => authority.certifyByReference(sender, { expires, id, serverPrivate, uuidBytes: random.chance(0.5) });
  const cases = [
    [certificate, [authority.root], expires, true], [certificate, [authority.root], expires + 1, false],
    [certificate, [other], script.now, false], [certificate, [other, authority.root], script.now, true], [certificate, [], script.now, false],
    [await byReference(test.id, test.serverPrivate), [testRoot], script.now, true],
    [await byReference(test.id, authority.serverPrivate), [testRoot], script.now, false],
    [await byReference(2, authority.serverPrivate), [testRoot, authority.root], script.now, false],
    [await byReference(random.between(4, 1_000_000), test.serverPrivate), [testRoot], script.now, 'sealed_sender_unknown_server_certificate'],
  ];
  for (const [bytes, roots, now, expected] of cases) {
    const answer = await unit.both('validate_certificate', { certificate: bytes, trust_roots: roots, now_ms: now });
    unit.expect((answer.ok ? answer.valid : answer.error) === expected, `the certificate is ${expected}`, { answer });
  }
  const { certificate: revoked } = await unit.must(authority.side(), 'server_certificate', {
    key_id: 0xdeadc357, key: authority.serverKey, trust_root_private: authority.rootPrivate,
  });
  const signed = await authority.certify(sender, { expires, server: revoked });
  const answer = await unit.both('validate_certificate', { certificate: signed, trust_roots: [authority.root], now_ms: script.now });
  unit.expect(answer.ok && !answer.valid, 'a revoked server certifies nothing', { answer });
}

/** Contents of every type, hint and group for one recipient. */
async function contents({ unit, random, script, sender, recipients, certificate }) {
  for (let n = random.between(1, 4); n > 0; n -= 1) {
    const to = random.pick(recipients);
    const args = {
      name: to.name, device: to.device, certificate, type: random.pick([2, 3, 7, 8]), content: random.plaintext(),
      content_hint: random.pick([0, 1, 2, 3, 200]), group_id: groupId(random),
    };
    const answers = await script.twin.must(sender, 'ss1_seal', args);
    for (const { message } of answers) {
      await checkOpened(script, to, message, args, sender);
      await changedEnvelope(script, to, message);
    }
  }
}

async function checkOpened({ unit, twin }, to, message, args, sender) {
  const [opened] = await twin.must(to, 'ss_open', { message });
  const same = opened.type === args.type && opened.content === args.content && opened.content_hint === args.content_hint
    && opened.group_id === asExpected(args.group_id) && opened.certificate === args.certificate && opened.sender_name === sender.name;
  unit.expect(same, 'an envelope holds what was sealed', { opened, args });
}

/** One message for many recipients, split as a server does it, on both sides, and opened by each recipient. */
async function many({ unit, random, script, sender, recipients, certificate }) {
  const chosen = random.shuffle(recipients).slice(0, random.below(recipients.length + 1));
  if (chosen.length > 0 && random.chance(0.2)) chosen.push(chosen[0]);
  const excluded = Array.from({ length: random.pick([0, 0, 1, 3]) }, () => (random.chance(0.3) ? `PNI:${random.uuid()}` : random.uuid()));
  const repeated = chosen.length > 0 && random.chance(0.15);
  if (repeated) excluded.push(chosen[0].name);
  const args = {
    recipients: chosen.map(({ name: to, device }) => ({ name: to, device })), excluded, certificate, type: random.pick([7, 8, 2]),
    content: random.plaintext(), content_hint: random.pick([0, 1, 2]), group_id: groupId(random),
  };
  const answers = await script.twin.must(sender, 'ss2_encrypt', args);
  for (const { message } of answers) {
    const split = await unit.both('ss2_split', { message });
    if (repeated) {
      unit.expect(split.error === 'sealed_sender_invalid', 'a recipient cannot be excluded as well', { split });
      continue;
    }
    unit.expect(split.ok && split.excluded.length === excluded.length, 'the message can be split', { split });
    for (const to of chosen) {
      const part = split.recipients.find((one) => one.service_id === to.name);
      unit.expect(part?.devices.some((one) => one.device === to.device && one.registration_id === to.registrationId), 'each device is named', { split });
      await checkOpened(script, to, part.received, args, sender);
      await changedEnvelope(script, to, part.received);
    }
    for (let n = 4; n > 0; n -= 1) await unit.both('ss2_split', { message: anywhere(random, Buffer.from(message, 'hex')).toString('hex') });
    if (chosen.length > 0) await changedEnvelope(script, chosen[0], message);
  }
}

/** What a sender cannot do. */
async function refusals({ unit, random, script, sender, recipients: [recipient], certificate }) {
  const args = { certificate, type: 7, content: '00', content_hint: 0, group_id: null };
  const to = { name: recipient.name, device: recipient.device };
  const stranger = { name: random.uuid(), device: 1 };
  const [kind, cmd, changes, error] = random.pick([
    ['nobody', 'ss2_encrypt', { recipients: [to, stranger], excluded: [] }, 'no_session'],
    ['nobody', 'ss1_seal', stranger, 'no_session'],
    ['bad device', 'ss2_encrypt', { recipients: [{ ...to, device: 128 }], excluded: [] }, 'invalid_address'],
    ['bad id', 'ss2_encrypt', { recipients: [to], excluded: ['nobody'] }, 'invalid_argument'],
    ['large registration id', 'ss2_encrypt', { recipients: [to], excluded: [] }, 'invalid_registration_id'],
    ['plain name', 'ss2_encrypt', { recipients: [{ name: 'plain', device: 5 }], excluded: [] }, 'invalid_argument'],
  ]);
  unit.note(`refusal ${kind}`);
  await script.twin.onClone(sender, async (clone) => {
    if (kind === 'large registration id' || kind === 'plain name') {
      const { device, name: peer } = changes.recipients[0];
      const bundles = await script.twin.must(recipient, 'bundle', script.bundleOptions());
      await script.twin.must(clone, 'process_bundle', (world) => ({
        name: peer, device, bundle: { ...bundles[world].bundle, registration_id: kind === 'plain name' ? 1 : 0x4000 }, now_ms: script.now,
      }));
    }
    const [answer] = await script.twin.call(clone, cmd, { ...args, ...changes });
    unit.expect(answer.error === error, `${kind} is ${error}`, { answer });
  });
}
