/** Where crafted input is tried: a recipient on each side, and a stranger by hand that writes to both. */
import { lastField, parse } from '../../protobuf.mjs';

export const NAMES = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222', '33333333-3333-4333-8333-333333333333'];
export const NOW_MS = 1_790_000_000_000;

/** 0, 1, p - 1, p, p + 1 and the two of order 8. */
export const SMALL_ORDER = [
  '00'.repeat(32), `01${'00'.repeat(31)}`, `ec${'ff'.repeat(30)}7f`, `ed${'ff'.repeat(30)}7f`, `ee${'ff'.repeat(30)}7f`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
];

export class Bench {
  /** @param {import('../../unit.mjs').Unit} unit */
  constructor(unit) {
    this.unit = unit;
    this.random = unit.random;
    this.crafter = unit.crafter();
    this.made = 0;
  }

  /** A handle that nothing else has. */
  handle() {
    this.made += 1;
    return `${this.unit.prefix}.${this.made}`;
  }

  /** Is the official library at least this version? */
  since(major, minor) {
    const [a, b] = this.unit.official.version.split('.').map(Number);
    return a > major || (a === major && b >= minor);
  }

  /** The same question to both sides, which has to be answered as `expected` says: `ok`, `false` for what is not valid, or a class. */
  async both(expected, cmd, args, what) {
    const { unit } = this;
    const [official, ours] = await Promise.all([unit.call(unit.official, cmd, args), unit.call(unit.ours, cmd, args)]);
    unit.compare(cmd, { args, answer: official }, { args, answer: ours });
    this.expect(expected, official, `${what} (${cmd})`, args);
    return ours;
  }

  expect(expected, answer, what, details) {
    const found = answer.ok ? (answer.valid === false ? 'false' : 'ok') : answer.error;
    this.unit.expect([expected].flat().includes(found), `${what}: ${found}, not ${expected}`, { answer, details });
  }

  /** A stranger at the first address writes to a recipient at the second, on each side. */
  async pair(options = {}) {
    const pair = new Pair(this, options);
    await pair.begin();
    return pair;
  }
}

/** Two recipients, alike but for their keys, each with a session that a stranger has started by hand. */
export class Pair {
  constructor(bench, { keys = {}, bundle = { one_time: true, kyber: 'one_time' }, from = NAMES[0], to = NAMES[1], registrationId = 7 }) {
    Object.assign(this, { bench, unit: bench.unit, bundleOptions: bundle, registrationId });
    this.from = { name: from, device: 1 };
    this.to = { name: to, device: 1 };
    this.ends = [this.unit.official, this.unit.ours].map((side) => ({ side, party: bench.handle() }));
    this.keys = keys;
  }

  async begin() {
    const identityPrivate = this.bench.random.hex(32);
    for (const end of this.ends) {
      await this.unit.must(end.side, 'new_party', {
        party: end.party, ...this.to, registration_id: this.registrationId, identity_private: identityPrivate,
      });
    }
    await this.startAgain(typeof this.keys === 'function' ? this.keys(identityPrivate) : this.keys);
  }

  /** Another session, from a new bundle or the one that is named. */
  async startAgain(keys = {}, bundleOptions = this.bundleOptions) {
    for (const end of this.ends) {
      ({ bundle: end.bundle } = await this.unit.must(end.side, 'bundle', { party: end.party, ...bundleOptions }));
      end.stranger = this.bench.handle();
      await this.unit.must(this.bench.crafter, 'start', { stranger: end.stranger, bundle: end.bundle, from: this.from, to: this.to, keys });
    }
  }

  /** One message for each side; `change` is the request, or gives it from what the honest message says. */
  async craft(change) {
    const ask = (end, request) => this.unit.must(this.bench.crafter, 'message', { stranger: end.stranger, plaintext: '74657874', ...request });
    return Promise.all(this.ends.map(async (end) => {
      if (typeof change !== 'function') return ask(end, change);
      return ask(end, change(taken((await ask(end, { first: true })).message)));
    }));
  }

  /**
   * Delivers what was crafted. A list of classes as `expected` means that each side answers with one of them, none that the official library
   * says what is right.
   *
   * @returns {Promise<object | false>} the answer of both; false if they need not be equal, or ours is stricter
   */
  async deliver(expected, messages, what, options = {}) {
    const [official, ours] = await Promise.all(this.ends.map(async (end, i) => {
      const args = { party: end.party, ...this.from, ...messages[i], ...options };
      return { args, answer: await this.unit.call(end.side, 'decrypt', args) };
    }));
    if (Array.isArray(expected)) {
      // What random bytes, such as those of a MAC, happen to parse as decides which one it is.
      for (const { args, answer } of [official, ours]) this.bench.expect(expected, answer, what, args);
      return false;
    }
    const agreed = this.unit.compare('decrypt', official, ours);
    if (expected !== undefined) this.bench.expect(expected, official.answer, what, official.args);
    return agreed && official.answer;
  }

  /** Crafts a message and delivers it. */
  async try(expected, change, what) {
    return this.deliver(expected, await this.craft(change), what);
  }

  /** An honest message, which has to be read by both; the stranger's session moves on. */
  async honest(request = {}, what = 'an honest message') {
    await this.try('ok', { commit: true, ...request }, what);
  }

  /** Messages that must not open leave nothing behind: what is stored can be listed, and the honest first message opens afterwards. */
  async refusesFirst(expected, change, what) {
    const before = await this.look();
    await this.try(expected, change, what);
    this.unit.expect(JSON.stringify(await this.look()) === JSON.stringify(before), `${what}: a refused message changed a store`, { before });
  }

  look() {
    return Promise.all(this.ends.flatMap(({ side, party }) => [
      this.unit.must(side, 'prekeys', { party }), this.unit.must(side, 'get_identity', { party, ...this.from }),
      this.unit.must(side, 'session_info', { party, ...this.from, now_ms: NOW_MS }),
    ]));
  }

  /** One command for each recipient, which has to succeed. */
  async must(cmd, args = {}) {
    return Promise.all(this.ends.map(({ side, party }) => this.unit.must(side, cmd, { party, ...this.from, ...args })));
  }
}

/** The byte strings of a first message that cases change. */
function taken(message) {
  const outer = parse(Buffer.from(message, 'hex').subarray(1));
  const inner = parse(lastField(outer, 4).bytes.subarray(1, -8));
  const of = (fields, number) => Buffer.from(lastField(fields, number)?.bytes ?? []);
  return {
    base_key: of(outer, 2), identity_key: of(outer, 3), kyber_ciphertext: of(outer, 8), ratchet_key: of(inner, 1), addresses: of(inner, 6),
    pq_ratchet: of(inner, 5),
  };
}
