/** 9 to 14: signatures, given to both sides as the same bytes. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const MESSAGE = Buffer.from('noon, by the bridge').toString('hex');

export async function cases(bench) {
  for (let round = 0; round < 4; round += 1) await withOneKey(bench);
}

async function withOneKey(bench) {
  const { unit } = bench;
  const privateKey = bench.random.hex(32);
  const { public_key: publicKey } = await unit.bothMust('public_key', { private_key: privateKey });
  const { signature: text } = await unit.must(unit.ours, 'sign', { private_key: privateKey, message: MESSAGE });
  const signature = Buffer.from(text, 'hex');
  const check = (expected, bytes, what, key = publicKey) =>
    bench.both(expected, 'verify', { public_key: key, message: MESSAGE, signature: Buffer.from(bytes).toString('hex') }, what);
  const changed = (at, mask) => signature.map((byte, i) => (i === at ? byte ^ mask : byte));

  await check('ok', signature, 'a signature');
  await check('ok', withOrderAdded(signature, 1n), 'n09 the group order added');
  const aliased = Buffer.from(publicKey, 'hex');
  aliased[32] |= 0x80;
  await check('ok', signature, 'n09 the top bit of the key', aliased.toString('hex'));
  for (let times = 2n; times < 8n; times += 1n) {
    const high = withOrderAdded(signature, times);
    await check(high[63] & 0x60 ? 'false' : 'ok', high, `n10 ${times} times the group order`);
  }
  for (const bit of [0x20, 0x40, 0x60]) await check('false', changed(63, bit), `n10 bit ${bit}`);
  await check('false', changed(63, 0x80), 'n11 the other sign');
  for (const [written, expected] of [
    [`01${'00'.repeat(31)}`, 'ok'], [`01${'00'.repeat(30)}80`, 'false'], [`ee${'ff'.repeat(30)}7f`, 'false'], [`ee${'ff'.repeat(31)}`, 'false'],
  ]) {
    const made = await unit.must(bench.crafter, 'sign', { key: `private ${privateKey}`, message: MESSAGE, zero_nonce_written: written });
    await check(expected, Buffer.from(made.signature, 'hex'), `n12 R written as ${written}`);
  }
  for (const length of [0, 32, 63]) await check('false', signature.subarray(0, length), `n13 ${length} bytes`);
  await check('false', Buffer.concat([signature, Buffer.of(0)]), 'n13 65 bytes');
  const typed = { public_key: publicKey, message: publicKey };
  const untyped = await unit.must(unit.ours, 'sign', { private_key: privateKey, message: publicKey.slice(2) });
  await bench.both('false', 'verify', { ...typed, signature: untyped.signature }, 'n14 signature of an untyped key');
  const small = await unit.must(bench.crafter, 'sign', { key: `order ${'00'.repeat(32)}`, message: MESSAGE });
  await check('ok', Buffer.from(small.signature, 'hex'), 'a key of small order signs', `05${'00'.repeat(32)}`);
}

function withOrderAdded(signature, times) {
  const out = Buffer.from(signature);
  const sign = out[63] & 0x80;
  out[63] &= 0x7f;
  let s = BigInt(`0x${Buffer.from(out.subarray(32)).reverse().toString('hex')}`) + times * L;
  s &= 2n ** 255n - 1n;
  Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse().copy(out, 32);
  out[63] |= sign;
  return out;
}
