/** 21 to 32: first messages and the prekeys they name. */
import { NAMES, NOW_MS } from './bench.mjs';

const DAY_MS = 86_400_000;

export async function cases(bench) {
  await n21n22n23(bench);
  await n24(bench);
  await n25(bench);
  await n26n27(bench);
  await n27OtherPrekeys(bench);
  await n28n29(bench);
  await n31(bench);
  await n32(bench);
}

async function n21n22n23(bench) {
  const pair = await bench.pair();
  const ciphertext = (alter) => (honest) => ({ first: true, outer: { kyber_ciphertext: alter(honest.kyber_ciphertext).toString('hex') } });
  const typed = (byte, length) => (bytes) => Buffer.concat([Buffer.of(byte), bytes.subarray(1, length)]);
  for (const alter of [
    typed(0x07, 1569), typed(0x07, 1089), typed(0x0a, 1569), typed(0x08, 1568), typed(0x08, 1), (bytes) => Buffer.concat([bytes, Buffer.of(0)]),
    () => Buffer.alloc(0),
  ]) await pair.refusesFirst('invalid_key', ciphertext(alter), `n21 ${alter}`);
  const random = Buffer.concat([Buffer.of(8), bench.random.bytes(1568)]);
  await pair.refusesFirst('invalid_message', ciphertext(() => random), 'n22 a random ciphertext');
  const at = bench.random.between(1, 1568);
  await pair.refusesFirst('invalid_message', ciphertext((bytes) => bytes.map((b, i) => (i === at ? b ^ 1 : b))), `n22 byte ${at} of the ciphertext`);
  for (const outer of [{ kyber_id: null }, { kyber_ciphertext: null }, { kyber_id: null, kyber_ciphertext: null }]) {
    await pair.refusesFirst('invalid_message', { first: true, outer }, `n23 without ${Object.keys(outer)}`);
  }
  await pair.honest({ first: true });
}

async function n24(bench) {
  const pair = await bench.pair();
  const without = { kyber_id: null, kyber_ciphertext: null };
  for (const outer_version of [0x33, 0x34]) {
    for (const version of [0x44, 0x34]) {
      for (const outer of [{}, without]) {
        await pair.refusesFirst('invalid_message', { first: true, outer_version, version, outer }, `n24 ${outer_version} around ${version}`);
      }
    }
  }
  await pair.refusesFirst('invalid_message', { first: true, version: 0x34 }, 'n24 version 3 inside');
  for (let version = 0; version < 16; version += 1) {
    if (version === 3 || version === 4) continue;
    const expected = version < 3 ? 'legacy_version' : 'unknown_version';
    await pair.refusesFirst(expected, { first: true, outer_version: version * 16 + 4 }, `n24 version ${version} outside`);
    await pair.refusesFirst(expected, { first: true, version: version * 16 + 4 }, `n24 version ${version} inside`);
    await pair.refusesFirst(expected, { version: version * 16 + 4 }, `n24 version ${version} alone`);
  }
  await pair.honest({ first: true, outer_version: 0x4f, version: 0x40 }, 'n24 other low nibbles');
  await pair.try('invalid_message', { version: 0x34 }, 'n24 version 3 in a session');
  await pair.try('invalid_message', { first: true, outer_version: 0x34 }, 'n24 version 3 around a message of a session');
  await pair.honest({ version: 0x4b });
}

async function n25(bench) {
  const pair = await bench.pair();
  const unknown = 0xffff_fffe;
  for (const [expected, outer] of [
    ['invalid_prekey_id', { one_time_id: unknown }], ['invalid_signed_prekey_id', { signed_id: unknown }],
    ['invalid_kyber_prekey_id', { kyber_id: unknown }], ['invalid_kyber_prekey_id', { one_time_id: unknown, kyber_id: unknown }],
    ['invalid_signed_prekey_id', { one_time_id: unknown, signed_id: unknown, kyber_id: unknown }],
    ['invalid_message', { one_time_id: null }],
  ]) await pair.refusesFirst(expected, { first: true, outer }, `n25 n30 ${JSON.stringify(outer)}`);
  await pair.honest({ first: true });
}

async function n26n27(bench) {
  for (const [bundle, expected] of [
    [{ one_time: true, kyber: 'one_time' }, 'invalid_kyber_prekey_id'], [{ one_time: false, kyber: 'one_time' }, 'invalid_kyber_prekey_id'],
    [{ one_time: true, kyber: 'last_resort' }, 'invalid_prekey_id'], [{ one_time: false, kyber: 'last_resort' }, 'invalid_message'],
  ]) {
    const pair = await bench.pair({ bundle });
    const [messages, others] = [await pair.craft({ first: true, commit: true }), await pair.craft({ first: true })];
    await pair.deliver('ok', messages, 'n26 the first time');
    for (let n = 0; n < 2; n += 1) await pair.deliver('duplicate_message', messages, 'n26 with the session');
    await pair.must('archive');
    await pair.deliver('duplicate_message', messages, 'n26 with the session archived');
    await pair.must('delete_session');
    for (const again of [messages, others]) await pair.deliver(expected, again, `n26 n27 without the session, ${JSON.stringify(bundle)}`);
  }
}

/** Base keys are remembered for a pair of prekeys, so that with others this is no replay. */
async function n27OtherPrekeys(bench) {
  const keys = { base: `private ${bench.random.hex(32)}`, identity: `private ${bench.random.hex(32)}` };
  const pair = await bench.pair({ keys, bundle: { one_time: false, kyber: 'last_resort' } });
  await pair.honest({ first: true });
  await pair.must('delete_session');
  await pair.startAgain(keys);
  await pair.honest({ first: true }, 'n27 the same base key with other prekeys');
  await pair.must('delete_session');
  await pair.startAgain(keys, { one_time: false, kyber: 'last_resort', reuse: true });
  await pair.try('invalid_message', { first: true }, 'n27 the same base key with the same prekeys');
}

async function n28n29(bench) {
  const weaker = await bench.pair({ bundle: { one_time: false, kyber: 'one_time' } });
  await weaker.honest({ first: true }, 'n28 no one-time prekey');
  const pair = await bench.pair();
  const messages = await pair.craft({ first: true, commit: true });
  await pair.must('set_identity', { identity_key: `05${'42'.repeat(32)}` });
  await pair.deliver('untrusted_identity', messages, 'n29 a first message');
  await pair.must('forget_identity');
  await pair.deliver('ok', messages, 'n29 the same once it is trusted');
  const next = await pair.craft({ commit: true });
  const [{ identity_key: known }] = await pair.must('get_identity');
  await pair.must('set_identity', { identity_key: `05${'42'.repeat(32)}` });
  await pair.deliver('untrusted_identity', next, 'n29 in a session');
  bench.unit.expect(known !== null, 'n29 the identity was stored');
  await pair.must('forget_identity');
  await pair.deliver('ok', next, 'n29 the same once it is trusted');
}

/** Both sides as senders of a session that nobody answers. */
async function senders(bench, registrationId) {
  const { unit } = bench;
  const [party, peer] = [bench.handle(), { name: NAMES[1], device: 1 }];
  const bob = bench.handle();
  await unit.must(unit.ours, 'new_party', { party: bob, ...peer, registration_id: registrationId });
  const { bundle } = await unit.must(unit.ours, 'bundle', { party: bob, one_time: true, kyber: 'one_time' });
  await unit.bothMust('new_party', { party, name: NAMES[0], device: 1, registration_id: 6, identity_private: '22'.repeat(32) });
  await unit.bothMust('process_bundle', { party, ...peer, bundle, now_ms: NOW_MS });
  return { party, peer };
}

async function n31(bench) {
  const { party, peer } = await senders(bench, 5);
  for (const [late, expected] of [[0, 'ok'], [30 * DAY_MS, 'ok'], [30 * DAY_MS + 1, 'no_session'], [31 * DAY_MS, 'no_session'], [1, 'ok']]) {
    await bench.both(expected, 'encrypt', { party, ...peer, plaintext: '', now_ms: NOW_MS + late }, `n31 after ${late} ms`);
  }
}

async function n32(bench) {
  const { unit } = bench;
  const [root, server] = [bench.random.hex(32), bench.random.hex(32)];
  const publicOf = async (private_key) => (await unit.bothMust('public_key', { private_key })).public_key;
  const { certificate: server_certificate } =
    await unit.must(unit.ours, 'server_certificate', { key_id: 1, key: await publicOf(server), trust_root_private: root });
  for (const [id, expected] of [[0x3fff, 'ok'], [0x4000, 'invalid_registration_id'], [0x8001, 'invalid_registration_id'], [0xffff_ffff, 'invalid_registration_id']]) {
    const { party, peer } = await senders(bench, id);
    const { certificate } = await unit.must(unit.ours, 'sender_certificate', {
      name: NAMES[0], e164: null, device: 1, identity_key: await publicOf('22'.repeat(32)), expires_ms: NOW_MS, server_certificate, server_private: server,
    });
    const args = { party, recipients: [peer], excluded: [], certificate, type: 2, content: '00', content_hint: 0, group_id: null };
    const answers = await Promise.all([unit.official, unit.ours].map((side) => unit.call(side, 'ss2_encrypt', args)));
    for (const answer of answers) bench.expect(expected, answer, `n32 registration id ${id}`, args);
  }
  for (const registration_id of [0, 0x4000, 0xffff_ffff, null]) {
    const pair = await bench.pair();
    await pair.honest({ first: true, outer: { registration_id } }, `n32 registration id ${registration_id} of a first message`);
    for (const info of await pair.must('session_info', { now_ms: NOW_MS })) {
      unit.expect(info.remote_registration_id === (registration_id ?? 0), 'n32 it is stored as it came', info);
    }
  }
}
