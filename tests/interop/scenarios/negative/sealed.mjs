/** 53 to 60, 75: envelopes and certificates, given to both sides as the same bytes. */
import { bytesField, fixed64Field, intField } from '../../protobuf.mjs';
import { NAMES, NOW_MS } from './bench.mjs';

const unhex = (text) => Buffer.from(text, 'hex');

export async function cases(bench) {
  const scene = new Scene(bench);
  await scene.begin();
  await n53(scene);
  await n54n55(scene);
  await n56(scene);
  await n57(scene);
  await n58(scene);
  await n59(scene);
  await n60(scene);
  await n75(scene);
}

/** One sender, who is certified, and one recipient on both sides. */
class Scene {
  constructor(bench) {
    Object.assign(this, { bench, unit: bench.unit, random: bench.random });
    this.privates = Object.fromEntries(['root', 'server', 'sender', 'thief', 'recipient'].map((who) => [who, bench.random.hex(32)]));
    this.party = bench.handle();
  }

  async begin() {
    this.keys = {};
    for (const [who, private_key] of Object.entries(this.privates)) {
      this.keys[who] = (await this.unit.bothMust('public_key', { private_key })).public_key;
    }
    this.server = await this.serverCertificate(1);
    await this.unit.bothMust('new_party', {
      party: this.party, name: NAMES[1], device: 1, registration_id: 7, identity_private: this.privates.recipient,
    });
  }

  async signed(inner, who) {
    const { signature } = await this.unit.must(this.unit.ours, 'sign', { private_key: this.privates[who], message: inner.toString('hex') });
    return Buffer.concat([bytesField(1, inner), bytesField(2, unhex(signature))]);
  }

  serverCertificate(id, root = 'root') {
    return this.signed(Buffer.concat([intField(1, id), bytesField(2, unhex(this.keys.server))]), root);
  }

  /** Fields by number; null leaves one out. */
  async certificate(changes = {}, signer = 'server') {
    const fields = {
      1: null, 2: intField(2, 1), 3: fixed64Field(3, NOW_MS), 4: bytesField(4, unhex(this.keys.sender)), 5: bytesField(5, this.server),
      6: bytesField(6, Buffer.from(NAMES[0])), 7: null, 8: null, ...changes,
    };
    return this.signed(Buffer.concat(Object.values(fields).filter(Boolean)), signer);
  }

  content(certificate, type = 2, inside = Buffer.from('text')) {
    return Buffer.concat([intField(1, type), bytesField(2, certificate), bytesField(3, inside)]).toString('hex');
  }

  validate(expected, certificate, what, { now_ms = NOW_MS, roots = [this.keys.root] } = {}) {
    return this.bench.both(expected, 'validate_certificate', { certificate: certificate.toString('hex'), trust_roots: roots, now_ms }, what);
  }

  /** Both forms of envelope around the content. */
  async seal(content, { sender = 'sender', to = this.keys.recipient, ...more } = {}) {
    const base = { sender_private: this.privates[sender], content };
    const one = await this.unit.must(this.bench.crafter, 'seal', { ...base, recipient: to });
    const many = await this.unit.must(this.bench.crafter, 'seal_many', {
      ...base, count: '01', entries: [{ recipient: to, id: `00${'11'.repeat(16)}`, devices: '010007' }], ...more,
    });
    return [one.message, many.received[0]];
  }

  open(expected, message, what) {
    return this.bench.both(expected, 'ss_open', { party: this.party, message }, what);
  }

  decrypt(expected, message, what, { now_ms = NOW_MS, local_e164 = null, root = this.keys.root } = {}) {
    return this.bench.both(expected, 'ss_decrypt', { party: this.party, message, trust_root: root, now_ms, local_e164 }, what);
  }
}

async function n53(scene) {
  const envelopes = await scene.seal(scene.content(await scene.certificate()));
  for (const envelope of envelopes) await scene.open('ok', envelope, 'n53 an honest envelope');
  const official = (byte, one) => (byte >> 4 > 2 ? 'sealed_sender_unknown_version' : (byte >> 4 === 2) === one ? ['malformed', 'sealed_sender_invalid', 'invalid_key'] : 'ok');
  for (let byte = 0; byte < 256; byte += 1) {
    const version = Buffer.of(byte).toString('hex');
    await scene.open(official(byte, true), version + envelopes[0].slice(2), `n53 ${version}, version 1`);
    await scene.open(official(byte, false), version + envelopes[1].slice(2), `n53 ${version}, version 2`);
    await scene.open(byte >> 4 > 2 ? 'sealed_sender_unknown_version' : 'malformed', version, `n53 ${version} alone`);
    const split = [0x22, 0x23].includes(byte) ? ['malformed'] : ['sealed_sender_unknown_version'];
    await scene.bench.both(split, 'ss2_split', { message: version }, `n53 ${version} to split`);
  }
  await scene.open('sealed_sender_invalid', '', 'n53 nothing');
}

async function n54n55(scene) {
  const certificate = await scene.certificate();
  await scene.validate('ok', certificate, 'n54 the last millisecond');
  await scene.validate('false', certificate, 'n54 one later', { now_ms: NOW_MS + 1 });
  await scene.validate('ok', certificate, 'n54 a clock that went back', { now_ms: 0 });
  await scene.validate('malformed', await scene.certificate({ 3: null }), 'n54 no expiry');
  const [one, two] = await scene.seal(scene.content(certificate));
  for (const message of [one, two]) {
    await scene.decrypt('sealed_sender_invalid', message, 'n54 one later', { now_ms: NOW_MS + 1 });
    await scene.decrypt('sealed_sender_invalid', message, 'n55 another root', { root: scene.keys.thief });
  }
  for (const roots of [[scene.keys.thief], []]) await scene.validate('false', certificate, 'n55 another root', { roots });
  await scene.validate('false', await scene.certificate({}, 'thief'), 'n55 signed by another');
  await scene.validate('false', await scene.certificate({ 5: bytesField(5, await scene.serverCertificate(1, 'thief')) }), 'n55 another root');
  for (const [id, expected] of [[0xdeadc357, 'false'], [0xdeadc356, 'ok'], [0, 'ok'], [0xffff_ffff, 'ok']]) {
    await scene.validate(expected, await scene.certificate({ 5: bytesField(5, await scene.serverCertificate(id)) }), `n55 id ${id}`);
  }
  const unknown = await scene.certificate({ 5: null, 8: intField(8, 12_345) });
  await scene.validate('sealed_sender_unknown_server_certificate', unknown, 'n55 an unknown reference');
  for (const message of await scene.seal(scene.content(unknown))) await scene.open('ok', message, 'n55 an unknown reference');
  for (const missing of [2, 4, 5, 6]) await scene.validate('malformed', await scene.certificate({ [missing]: null }), `n55 no field ${missing}`);
  for (const device of [0, 128, 256]) await scene.validate('malformed', await scene.certificate({ 2: intField(2, device) }), `n55 device ${device}`);
}

async function n56(scene) {
  const content = scene.content(await scene.certificate());
  for (const message of await scene.seal(content, { sender: 'thief' })) await scene.open('sealed_sender_invalid', message, 'n56 sealed by another');
  const [, many] = await scene.seal(content);
  for (let at = 0; at < 16; at += 1) {
    const changed = unhex(many);
    changed[1 + 32 + at] ^= 1 << scene.random.below(8);
    await scene.open('sealed_sender_invalid', changed.toString('hex'), `n56 byte ${at} of the tag`);
  }
}

async function n57(scene) {
  const own = await scene.certificate({ 6: bytesField(6, Buffer.from(NAMES[1])) });
  for (const message of await scene.seal(scene.content(own))) await scene.decrypt('sealed_sender_self_send', message, 'n57 by name');
  const number = await scene.certificate({ 1: bytesField(1, Buffer.from('+31201234567')) });
  for (const message of await scene.seal(scene.content(number))) {
    await scene.decrypt('sealed_sender_self_send', message, 'n57 by number', { local_e164: '+31201234567' });
    for (const local_e164 of ['+31201234568', null]) {
      await scene.decrypt(['no_session', 'malformed'], message, 'n57 another number', { local_e164 });
    }
  }
  for (const message of await scene.seal(scene.content(own), { to: scene.keys.thief })) {
    await scene.decrypt('sealed_sender_invalid', message, 'n57 to another');
  }
}

async function n58(scene) {
  const content = scene.content(await scene.certificate());
  const [, forged] = await scene.seal(content, { other_ephemeral: true });
  await scene.open('sealed_sender_invalid', forged, 'n58 another ephemeral key');
  const id = (byte, kind = '00') => kind + Buffer.alloc(16, byte).toString('hex');
  const entry = (byte, devices, more = {}) => ({ recipient: scene.keys.recipient, id: id(byte), devices, ...more });
  const excluded = (byte) => entry(byte, '00', { excluded: true });
  const split = async (expected, count, entries, what) => {
    const { sent } = await scene.unit.must(scene.bench.crafter, 'seal_many', { sender_private: scene.privates.sender, content, count, entries });
    return scene.bench.both(expected, 'ss2_split', { message: sent }, `n58 ${what}`);
  };
  await split('ok', '00', [], 'nobody');
  await split('ok', '01', [entry(1, '010007')], 'one');
  const many = [entry(1, '010007'), entry(2, '010008'), entry(1, '02800903000a')];
  const merged = await split('ok', '03', many, 'a repeated recipient');
  scene.unit.expect(merged.recipients.length === 2 && merged.recipients[0].devices.length === 3, 'n58 merged in order', { merged });
  for (const pair of [[entry(1, '010007'), excluded(1)], [excluded(1), entry(1, '010007')], [excluded(1), excluded(1)]]) {
    await split('sealed_sender_invalid', '02', pair, 'both included and excluded');
  }
  await split('ok', '01', [excluded(1)], 'device 0 first');
  await split('ok', '01', [entry(1, '7f0007')], 'device 127');
  for (const devices of ['018007000008', '800007', 'ff0007', '018007800008']) await split('malformed', '01', [entry(1, devices)], `devices ${devices}`);
  await split('malformed', '01', [entry(1, '010007', { id: id(1, '02') })], 'an unknown kind');
  for (const count of ['01', 'ffffffff0f', '8080808010']) await split('malformed', count, [], `a count of ${count}`);
  await split('malformed', 'ffffffff0f', many.slice(0, 2), 'a large count and two entries');
  // The quirk of the count: `81 00` is one, and the `00` is read again as the kind of the first service id.
  await split('ok', '8100', [entry(4, '010007', { id: '04'.repeat(16) })], 'a long count');
  const { sent } = await scene.unit.must(scene.bench.crafter, 'seal_many', { sender_private: scene.privates.sender, content, count: '02', entries: [many[0], excluded(9)] });
  for (let length = 0; length < 1 + 1 + 17 + 3 + 48 + 18 + 32; length += 1) {
    await scene.bench.both(['malformed', 'sealed_sender_invalid'], 'ss2_split', { message: sent.slice(0, 2 * length) }, `n58 ${length} bytes`);
  }
}

async function n59(scene) {
  const certificate = await scene.certificate();
  for (const type of [7, 8]) {
    for (const inside of ['', 'c080', '33'.repeat(80)].map(unhex)) {
      for (const message of await scene.seal(scene.content(certificate, type, inside))) {
        await scene.open('ok', message, `n59 type ${type}`);
        await scene.decrypt('invalid_message', message, `n59 type ${type}`);
      }
    }
  }
  for (const type of [0, 3, 4, 5, 6, 9, 127]) {
    for (const message of await scene.seal(scene.content(certificate, type))) await scene.open('malformed', message, `n59 type ${type}`);
  }
}

/** A first message that names its sender, under the certificate of another who really sealed it. */
async function n60(scene) {
  const pair = await scene.bench.pair();
  const messages = await pair.craft({ first: true });
  for (const [name, expected] of [[NAMES[2], 'invalid_message'], [NAMES[0], 'ok']]) {
    const certificate = await scene.certificate({ 6: bytesField(6, Buffer.from(name)) });
    const answers = await Promise.all(pair.ends.map(async ({ side, party, bundle }, i) => {
      const content = scene.content(certificate, 1, unhex(messages[i].message));
      const [, message] = await scene.seal(content, { to: bundle.identity_key });
      const args = { party, message, trust_root: scene.keys.root, now_ms: NOW_MS, local_e164: null };
      return { args, answer: await scene.unit.call(side, 'ss_decrypt', args) };
    }));
    scene.unit.compare('ss_decrypt', ...answers);
    scene.bench.expect(expected, answers[0].answer, `n60 certificate of ${name}`, answers[0].args);
  }
  const upper = 'AAAAAAAA-1111-4111-8111-111111111111';
  for (const text of [upper, upper.replaceAll('-', ''), `{${upper}}`, `PNI:${upper}`, ` ${upper}`, 'nobody', '']) {
    const certificate = await scene.certificate({ 6: bytesField(6, Buffer.from(text)) });
    await scene.validate('ok', certificate, `n60 '${text}'`);
    for (const message of await scene.seal(scene.content(certificate))) {
      const opened = await scene.open('ok', message, `n60 '${text}'`);
      scene.unit.expect(opened.sender_name === text, 'n60 the name as it is', { opened, text });
    }
  }
  for (const [length, expected] of [[16, 'ok'], [0, 'malformed'], [15, 'malformed'], [17, 'malformed']]) {
    await scene.validate(expected, await scene.certificate({ 6: null, 7: bytesField(7, Buffer.alloc(length, 0xaa)) }), `n60 ${length} bytes`);
  }
}

async function n75(scene) {
  for (const wrong of ['ff', 'c080', '616263e282', 'eda080', 'f4908080'].map(unhex)) {
    for (const field of [1, 6]) {
      const certificate = await scene.certificate({ [field]: bytesField(field, wrong) });
      await scene.validate('malformed', certificate, `n75 field ${field}`);
      for (const message of await scene.seal(scene.content(certificate))) await scene.open('malformed', message, `n75 field ${field}`);
    }
  }
}
