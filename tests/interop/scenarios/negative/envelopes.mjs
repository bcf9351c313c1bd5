/** 1, 3 to 6: ephemeral keys of sealed sender 1, given to both sides as the same bytes. */
import { bytesField, intField } from '../../protobuf.mjs';
import { NAMES, NOW_MS, SMALL_ORDER } from './bench.mjs';

export async function cases(bench) {
  const { unit } = bench;
  const [root, server, senderPrivate, party] = [bench.random.hex(32), bench.random.hex(32), bench.random.hex(32), bench.handle()];
  const publicOf = async (private_key) => (await unit.bothMust('public_key', { private_key })).public_key;
  const { certificate: server_certificate } =
    await unit.must(unit.ours, 'server_certificate', { key_id: 1, key: await publicOf(server), trust_root_private: root });
  const { certificate } = await unit.must(unit.ours, 'sender_certificate', {
    name: NAMES[0], e164: null, device: 1, identity_key: await publicOf(senderPrivate), expires_ms: NOW_MS, server_certificate, server_private: server,
  });
  const content = Buffer.concat([intField(1, 2), bytesField(2, Buffer.from(certificate, 'hex')), bytesField(3, Buffer.from('text'))]).toString('hex');
  const own = { party, name: NAMES[1], device: 1, registration_id: 7, identity_private: bench.random.hex(32) };
  const { identity_key: recipient } = await unit.bothMust('new_party', own);

  async function open(expected, request, what) {
    const { message } = await unit.must(bench.crafter, 'seal', { sender_private: senderPrivate, recipient, content, ...request });
    await bench.both(expected, 'ss_open', { party, message }, what);
  }

  await open('ok', {}, 'an honest envelope');
  for (const point of SMALL_ORDER) await open('invalid_key', { ephemeral: `order ${point}` }, `n01 ephemeral key ${point}`);
  for (let torsion = 1; torsion < 8; torsion += 1) await open('ok', { ephemeral: `torsion ${torsion}` }, `n02 ephemeral key, torsion ${torsion}`);
  for (const spelling of ['top_bit', 'nine_plus_p', 'nine']) await open('ok', { ephemeral: spelling }, `n03 n04 ephemeral key, ${spelling}`);
  const key = await publicOf(bench.random.hex(32));
  for (const type of ['00', '04', '06', '08', '85']) await open('invalid_key', { ephemeral_written: type + key.slice(2) }, `n05 ephemeral key of type ${type}`);
  for (const length of [0, 1, 31, 32]) await open('invalid_key', { ephemeral_written: key.slice(0, 2 * length) }, `n06 ephemeral key of ${length} bytes`);
  // Another key than the one it was sealed with, whole and with a byte more.
  await open('sealed_sender_invalid', { ephemeral_written: key }, 'another ephemeral key');
  await open('sealed_sender_invalid', { ephemeral_written: `${key}00` }, 'n06 another ephemeral key and a byte more');
}
