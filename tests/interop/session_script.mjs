/** The steps of which session scripts are made: parties, a network between them, and what everyone may expect of it. */
import { structural } from './mutate.mjs';
import { Twin } from './twin.mjs';

/** A day in the script's own time, which starts at a fixed moment. */
export const DAY_MS = 86_400_000;
const START_MS = 1_790_000_000_000;

/**
 * @typedef {{id: number, from: object, to: object, type: number, bytes: string[], plaintext: string, born: number, read: boolean,
 *            incarnation: number, sender: string}} Item a message on its way, in both worlds
 */

export class SessionScript {
  /** @param {import('./unit.mjs').Unit} unit */
  constructor(unit) {
    this.unit = unit;
    this.random = unit.random;
    this.twin = new Twin(unit);
    this.now = START_MS;
    /** @type {Item[]} */
    this.queue = [];
    /** @type {Item[]} delivered ones, newest last */
    this.done = [];
    this.sent = 0;
  }

  get parties() {
    return this.twin.parties;
  }

  /** Makes the people of the script: mostly two accounts with service ids, sometimes two devices of one account or plain names. */
  async people(count) {
    const { random } = this;
    const naming = random.weighted({ aci: 10, mixed: 3, plain: 3, self: 1.5 });
    const shared = { name: random.uuid(), identityPrivate: random.hex(32) };
    for (let i = 0; i < count; i += 1) {
      const self = naming === 'self' && i < 2;
      const uuid = random.chance(0.1) ? random.uuid().toUpperCase() : random.uuid();
      const mixed = random.pick([uuid, `PNI:${uuid}`, `someone-${i}`]);
      await this.twin.party({
        name: self ? shared.name : { aci: uuid, mixed, plain: `person ${i}` }[naming] ?? uuid,
        device: self ? i + 1 : random.between(1, 127),
        registrationId: random.chance(0.1) ? random.u32() : random.between(1, 0x3fff),
        identityPrivate: self ? shared.identityPrivate : random.hex(32),
        official: random.chance(0.5),
      });
      this.parties[i].incarnation = 0;
    }
    this.self = naming === 'self';
    this.unit.note(`${naming} ${this.parties.map((p) => p.side[0].kind[1]).join('')}`);
  }

  pair() {
    const [from, to] = this.random.shuffle(this.parties);
    return [from, to];
  }

  bundleOptions() {
    const { random } = this;
    return { one_time: random.chance(0.7), kyber: random.chance(0.6) ? 'one_time' : 'last_resort', reuse: random.chance(0.4) };
  }

  /** `from` starts a session with `to`, from a new bundle. Answers whether it could. */
  async establish(from, to, options = this.bundleOptions()) {
    this.unit.note(`B${from.key[1]}${to.key[1]}${options.one_time ? 'o' : ''}${options.kyber[0]}${options.reuse ? 'r' : ''}`);
    const bundles = await this.twin.must(to, 'bundle', options);
    const answers = await this.twin.call(from, 'process_bundle', (world) => ({
      name: to.name, device: to.device, bundle: bundles[world].bundle, now_ms: this.now,
    }));
    return answers[0].ok;
  }

  /** Encrypts one message and hands it to the network; starts a session where there is none. */
  async say(from, to, plaintext = this.random.plaintext()) {
    const args = { name: to.name, device: to.device, plaintext, now_ms: this.now };
    let answers = await this.twin.call(from, 'encrypt', args);
    if (answers[0].error === 'no_session') {
      if (!(await this.establish(from, to))) return null;
      answers = await this.twin.call(from, 'encrypt', args);
    }
    if (!answers[0].ok) return null;
    return this.post(from, to, answers, plaintext);
  }

  post(from, to, answers, plaintext) {
    const item = {
      id: this.sent, from, to, type: answers[0].type, bytes: answers.map((a) => a.message), plaintext, born: this.sent, read: false,
      incarnation: to.incarnation, sender: from.identityKey,
    };
    this.sent += 1;
    this.unit.note(`s${from.key[1]}${to.key[1]}`);
    this.queue.push(item);
    return item;
  }

  /** Encrypts many at once, without waiting for one before asking for the next. */
  async burst(from, to, count) {
    const texts = Array.from({ length: count }, () => this.random.hex(this.random.below(24)));
    this.unit.note(`burst${count}`);
    const answers = await Promise.all(texts.map((plaintext) =>
      this.twin.must(from, 'encrypt', { name: to.name, device: to.device, plaintext, now_ms: this.now })));
    return answers.map((answer, i) => this.post(from, to, answer, texts[i]));
  }

  take(item) {
    const at = this.queue.indexOf(item);
    if (at >= 0) this.queue.splice(at, 1);
    return item;
  }

  /**
   * Delivers a message as it is, or as `options` say.
   *
   * @param {Item} item
   * @param {{must?: boolean, change?: {name: string, apply: (b: Buffer) => Buffer}, name?: string, device?: number, to?: object, type?: number,
   *          local?: {local_name: string, local_device: number}}} options
   */
  async deliver(item, options = {}) {
    const to = options.to ?? item.to;
    const change = options.change;
    this.unit.note(`d${item.id}${change ? `~${change.name}` : ''}${options.must ? '!' : ''}`);
    const answers = await this.twin.call(to, 'decrypt', (world) => ({
      name: options.name ?? item.from.name, device: options.device ?? item.from.device, type: options.type ?? item.type,
      message: change ? change.apply(Buffer.from(item.bytes[world], 'hex')).toString('hex') : item.bytes[world],
      ...options.local,
    }), item.sender);
    const { ok, error, plaintext } = answers[0];
    if (options.must) this.unit.expect(ok, `message ${item.id} has to be readable`, { error, item });
    if (ok) {
      this.unit.expect(plaintext === item.plaintext, `message ${item.id} reads differently`, { plaintext, item });
      this.unit.expect(!item.read || to !== item.to, `message ${item.id} was read twice`, { item });
      if (to === item.to) item.read = true;
    } else if (item.read && !change && to === item.to && options.type === undefined && options.name === undefined) {
      this.unit.expect(error !== 'malformed', `message ${item.id} no longer parses`, { error });
    }
    if (!change && to === item.to) this.done.push(item);
    return ok;
  }

  /** Delivers a copy that was changed on its way. The message itself stays in the network. */
  async corrupt(item, to = item.to) {
    return this.deliver(item, { to, change: structural(this.random, item.type, Buffer.from(item.bytes[0], 'hex'), !this.self) });
  }

  /** Delivers everything between two people, oldest first. */
  async drain(from, to, options) {
    for (const item of this.queue.filter((i) => i.from === from && i.to === to)) await this.deliver(this.take(item), options);
  }

  /** Questions whose answers show the state of a party. */
  async look(party, peer) {
    await this.twin.must(party, 'session_info', {
      name: peer.name, device: peer.device, now_ms: this.now + this.random.pick([0, 29, 30, 31]) * DAY_MS,
    });
    await this.twin.must(party, 'prekeys');
    await this.twin.must(party, 'get_identity', { name: peer.name, device: peer.device });
  }

  /** The party's device is set up anew: another identity, nothing remembered. */
  async reinstall(party) {
    this.unit.note(`I${party.key[1]}`);
    party.identityPrivate = this.random.hex(32);
    party.incarnation += 1;
    await this.twin.recreate(party);
  }

  /**
   * Whatever happened: two people who accept each other's keys end on one session within some rounds, and all they write is read.
   */
  async heal(a, b) {
    this.unit.note(`heal${a.key[1]}${b.key[1]}`);
    this.queue = this.queue.filter((i) => ![a, b].includes(i.from) || ![a, b].includes(i.to));
    for (const [one, other] of [[a, b], [b, a]]) {
      await this.twin.must(one, 'set_identity', { name: other.name, device: other.device, identity_key: other.identityKey });
    }
    for (const [one, other] of [[a, b], [b, a]]) await this.startOver(one, other);
    let types;
    for (let round = 0; round < 10; round += 1) {
      types = [];
      for (const [one, other] of [[a, b], [b, a]]) {
        const item = await this.say(one, other);
        await this.deliver(this.take(item), { must: true });
        types.push(item.type);
      }
    }
    this.unit.expect(types.every((type) => type === 2), 'both are on an acknowledged session', { types });
    for (const [one, other] of [[a, b], [b, a]]) {
      const [info] = await this.twin.must(one, 'session_info', { name: other.name, device: other.device, now_ms: this.now });
      this.unit.expect(info.exists && info.usable, 'a usable session', { info });
    }
  }

  /** Sends one message that is read, with a new session if the old one is of no use any more. */
  async startOver(from, to) {
    const first = await this.say(from, to);
    if (first && (await this.deliver(this.take(first)))) return;
    this.unit.expect(await this.establish(from, to), 'a trusted bundle can be processed');
    await this.deliver(this.take(await this.say(from, to)), { must: true });
  }
}
