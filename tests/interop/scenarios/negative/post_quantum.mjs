/** 46 to 51: the post-quantum part of a message. The stranger can also leave its key out of the message's keys. */

export async function cases(bench) {
  await n46(bench);
  await n47(bench);
  await n48(bench);
  await n49n50(bench);
  await n50(bench);
}

const part = (...bytes) => Buffer.from(bytes).toString('hex');
/** Absent, or of version 0. */
const STRIPPED = [null, '', part(0), part(0, 1, 1, 0)];

async function n46(bench) {
  const pair = await bench.pair();
  for (const pq_ratchet of STRIPPED) {
    for (const without_post_quantum_key of [false, true]) {
      await pair.refusesFirst('invalid_message', { first: true, fields: { pq_ratchet }, without_post_quantum_key }, `n46 ${pq_ratchet}`);
    }
  }
  await pair.honest({ first: true });
}

/**
 * Version 0.92 of the library takes no key from a part of an unknown version, so that the MAC holds when the sender took none either. 0.103
 * refuses such a part in a session, and reads the first one as if it were of version 1. Ours refuses all: stricter.
 */
async function n47(bench) {
  const versioned = (version) => ({ pq_ratchet }) => {
    pq_ratchet[0] = version;
    return { pq_ratchet: pq_ratchet.toString('hex') };
  };
  for (const version of [2, 3, 0x7f, 0x80, 0xff]) {
    for (const without_post_quantum_key of [false, true]) {
      const expected = (first) => {
        const accepted = bench.since(0, 103) ? first && !without_post_quantum_key : without_post_quantum_key;
        return accepted ? 'ok' : 'invalid_message';
      };
      const what = `n47 version ${version}, ${without_post_quantum_key ? 'no' : 'with a'} key`;
      const change = (first) => (honest) => ({ first, fields: versioned(version)(honest), without_post_quantum_key });
      await (await bench.pair()).try(expected(true), change(true), what);
      const live = await bench.pair();
      await live.honest({ first: true });
      await live.try(expected(false), change(false), `${what}, in a session`);
    }
  }
  const early = await bench.pair();
  const unkeyed = ({ pq_ratchet }) => {
    pq_ratchet[2] = 0;
    return { pq_ratchet: pq_ratchet.toString('hex') };
  };
  await early.refusesFirst('invalid_message', (honest) => ({ first: true, fields: unkeyed(honest) }), 'n47 index 0 with a key');
  await early.try('ok', (honest) => ({ first: true, fields: unkeyed(honest), without_post_quantum_key: true }), 'n47 index 0 without a key');
}

async function n48(bench) {
  const pair = await bench.pair();
  await pair.honest({ first: true });
  for (let turn = 0; turn < 12; turn += 1) {
    for (const pq_ratchet of STRIPPED) {
      for (const without_post_quantum_key of [false, true]) {
        await pair.try('invalid_message', { fields: { pq_ratchet }, without_post_quantum_key }, `n48 ${pq_ratchet}`);
      }
    }
    await pair.honest();
  }
}

async function n49n50(bench) {
  const pair = await bench.pair();
  await pair.honest({ first: true });
  const chunk = Array(32).fill(7);
  const wrong = [
    part(1, 0, 2, 0), part(1, 0x80, 0x00, 2, 0), part(1, 2, 1, 0), part(1, 3, 1, 0), part(1, ...Array(9).fill(0xff), 0x01, 1, 0),
    part(1, 1, 1, 0), part(1, 1, 0, 0), part(1, 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0), part(1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0),
    part(1, 1, 0xab, 0xc3, 0x01, 0), part(1), part(1, 1), part(1, 1, 2), part(1, 1, 2, 7), part(1, 1, 2, 0xff), part(1, 1, 2, 1),
    part(1, 1, 2, 1, 0), part(1, 1, 2, 1, 0, ...chunk.slice(1)), part(1, 1, 2, 1, 0x80, 0x80, 0x04, ...chunk), part(1, 1, 2, 1, ...Array(11).fill(0xff), ...chunk),
  ];
  for (const pq_ratchet of wrong) await pair.try('invalid_message', { fields: { pq_ratchet } }, `n49 n50 ${pq_ratchet}`);
  await pair.honest();
}

/** Chunks that do not fit together are believed until their value is complete, and then refused one by one. */
async function n50(bench) {
  const pair = await bench.pair();
  const garbled = (first) => ({ pq_ratchet }) => {
    pq_ratchet[pq_ratchet.length - 1] ^= 1;
    return { first, fields: { pq_ratchet: pq_ratchet.toString('hex') } };
  };
  for (let n = 0; n < 2; n += 1) await pair.deliver('ok', await pair.craft((honest) => ({ commit: true, ...garbled(true)(honest) })), `n50 chunk ${n}`);
  for (let n = 2; n < 6; n += 1) await pair.deliver('invalid_message', await pair.craft((honest) => ({ commit: true, ...garbled(true)(honest) })), `n50 chunk ${n}`);
  await pair.must('forget_identity');
  await pair.startAgain();
  await pair.honest({ first: true }, 'n50 a new session');
}
