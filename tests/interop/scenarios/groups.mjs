/**
 * Sender keys in groups of 1 to 50, on a network that loses, delays, repeats and corrupts.
 *
 * Each member writes from one side and reads on both: the official library and ours get the very same bytes in the same order, so that all
 * their answers must be equal.
 */
import { anywhere } from '../mutate.mjs';
import { lastField, parse } from '../protobuf.mjs';

export const name = 'groups';
export const units = (scripts) => Math.max(20, Math.ceil(scripts / 25));

/** States of one sender that a reader keeps. */
const STATES_KEPT = 5;
/** Group sizes by seed, so that neighbouring seeds cover the extremes. */
const SIZES = [2, 50, 3, 1, 4, 2, 5, 8, 3, 6, 2, 12, 4, 3, 7, 2, 5, 3, 20, 4];

export async function run(unit) {
  const group = new Group(unit);
  await group.make(SIZES[unit.seed % SIZES.length]);
  if (unit.seed % SIZES.length === 5) await window(group);
  else await conversation(group);
  await group.end();
}

class Group {
  constructor(unit) {
    this.unit = unit;
    this.random = unit.random;
    this.distributionId = unit.random.uuid();
    this.members = [];
    this.queue = [];
    this.done = [];
  }

  async make(size) {
    const { unit, random } = this;
    unit.note(`members ${size}`);
    for (let i = 0; i < size; i += 1) {
      const member = {
        i, handle: `${unit.prefix}.m${i}`, name: random.chance(0.8) ? random.uuid() : `member ${i}`, device: random.between(1, 127),
        ours: unit.ours, writes: null, generation: 0, iteration: 0,
        /** For each writer: the generations of keys that were processed, newest first, each with its first iteration. */
        knows: new Map(),
      };
      this.members.push(member);
      await this.on(member, 'new_party', {
        name: member.name, device: member.device, registration_id: random.between(1, 16000), identity_private: random.hex(32),
      });
      member.writes = random.chance(0.5) ? 'official' : 'ours';
    }
  }

  /** A command on both bodies of a member. */
  async on(member, cmd, args) {
    const { unit } = this;
    const asked = { party: member.handle, ...args };
    const [official, ours] = await Promise.all([unit.call(unit.official, cmd, asked), unit.call(member.ours, cmd, asked)]);
    const agreed = unit.compare(cmd, { args: asked, answer: official }, { args: asked, answer: ours });
    return agreed ? ours : official;
  }

  /** A command on the body that writes. */
  write(member, cmd, args) {
    const side = member.writes === 'ours' ? member.ours : this.unit.official;
    return this.unit.must(side, cmd, { party: member.handle, distribution_id: this.distributionId, ...args });
  }

  others(member) {
    return this.members.filter((other) => other !== member);
  }

  async distribute(member, readers = this.others(member)) {
    this.unit.note(`k${member.i}`);
    const { message } = await this.write(member, 'group_create', {});
    member.created = true;
    for (const to of readers) {
      this.queue.push({ key: true, from: member, to, message, generation: member.generation, iteration: member.iteration });
    }
  }

  async reset(member) {
    this.unit.note(`r${member.i}`);
    await this.write(member, 'group_reset', {});
    member.generation += 1;
    member.iteration = 0;
    member.created = false;
  }

  async say(member, readers = this.others(member)) {
    const plaintext = this.random.plaintext();
    if (!member.created) await this.distribute(member);
    const { message } = await this.write(member, 'group_encrypt', { plaintext });
    this.unit.note(`s${member.i}`);
    const items = readers.map((to) => (
      { key: false, from: member, to, message, plaintext, generation: member.generation, iteration: member.iteration, read: false }));
    member.iteration += 1;
    this.queue.push(...items);
    return items;
  }

  take(item) {
    const at = this.queue.indexOf(item);
    if (at >= 0) this.queue.splice(at, 1);
    return item;
  }

  async deliver(item) {
    const { from, to, message } = item;
    this.unit.note(`${item.key ? 'K' : 'd'}${from.i}>${to.i}`);
    const answer = await this.on(to, item.key ? 'group_process' : 'group_decrypt', { name: from.name, device: from.device, message });
    if (item.key) {
      this.unit.expect(answer.ok, 'a distribution message is processed', { answer });
      learn(to, item);
      return answer;
    }
    const must = !item.read && readable(to, item);
    if (must) this.unit.expect(answer.ok, 'a group message has to be readable', { answer, plaintext: item.plaintext, iteration: item.iteration });
    if (answer.ok) {
      this.unit.expect(answer.plaintext === item.plaintext, 'a group message reads differently', { answer, plaintext: item.plaintext });
      this.unit.expect(!item.read, 'a group message was read twice', { plaintext: item.plaintext });
      item.read = true;
    }
    this.done.push(item);
    return answer;
  }

  /** Delivers a changed copy. A changed distribution message goes to a copy of the reader, which then tries a message. */
  async corrupt(item) {
    const message = anywhere(this.random, Buffer.from(item.message, 'hex'));
    if (message.toString('hex') === item.message) return;
    this.unit.note(`c${item.from.i}>${item.to.i}`);
    const args = { name: item.from.name, device: item.from.device, message: message.toString('hex') };
    if (!item.key) {
      const answer = await this.on(item.to, 'group_decrypt', args);
      this.unit.expect(!answer.ok, 'a changed group message is refused', { args });
      return;
    }
    // A signing key with its top bit set would only show in the messages after it; primitives.mjs checks such keys.
    const signingKey = lastField(parse(message.subarray(1)), 5)?.bytes;
    if (signingKey?.length === 33 && signingKey[32] & 0x80) return;
    const clone = { ...item.to, handle: `${item.to.handle}.clone` };
    await this.copy(item.to, clone);
    await this.on(clone, 'group_process', args);
    const next = this.queue.find((other) => !other.key && other.from === item.from && other.to === item.to);
    if (next) await this.on(clone, 'group_decrypt', { ...args, message: next.message });
    await this.on(clone, 'drop_party', {});
  }

  async copy(from, to) {
    const { official, random } = this.unit;
    for (const side of [official, from.ours]) {
      const { state } = await this.unit.must(side, 'save', { party: from.handle });
      if (side !== official && from === to && random.chance(0.3)) to.ours = await this.unit.fresh();
      await this.unit.must(side === official ? side : to.ours, 'load', { party: to.handle, state });
    }
  }

  async end() {
    await Promise.all(this.members.map((member) => this.on(member, 'drop_party', {})));
  }
}

function learn(reader, { from, generation, iteration }) {
  const known = reader.knows.get(from) ?? [];
  const before = known.find((one) => one.generation === generation);
  const entry = before ?? { generation, iteration };
  reader.knows.set(from, [entry, ...known.filter((one) => one !== before)].slice(0, STATES_KEPT));
}

function readable(reader, { from, generation, iteration }) {
  return reader.knows.get(from)?.some((one) => one.generation === generation && one.iteration <= iteration) ?? false;
}

async function conversation(group) {
  const { random, members } = group;
  const steps = Math.min(random.between(20, 120), 30 + 3000 / members.length ** 1.6);
  for (const member of members.slice(0, 8)) if (random.chance(0.8)) await group.distribute(member);
  for (let step = 0; step < steps; step += 1) {
    const member = random.pick(members.slice(0, 12));
    const kind = random.weighted({ say: 20, key: 2, reset: 1, deliver: 50, lose: 3, repeat: 4, corrupt: 8, restart: 1 });
    if (kind === 'say') await group.say(member, random.chance(0.9) ? group.others(member) : group.others(member).slice(0, 1));
    else if (kind === 'key') await group.distribute(member);
    else if (kind === 'reset') await group.reset(member);
    else if (kind === 'restart') await group.copy(member, member);
    else if (kind === 'repeat' && group.done.length > 0) await group.deliver(random.pick(group.done));
    else if (group.queue.length === 0) continue;
    else if (kind === 'deliver') await deliverSome(group);
    else if (kind === 'lose') group.take(random.pick(group.queue));
    else if (kind === 'corrupt') await group.corrupt(random.pick(group.queue));
  }
  for (const item of [...group.queue]) await group.deliver(group.take(item));
}

async function deliverSome(group) {
  const { random } = group;
  for (let n = random.between(1, Math.max(2, group.members.length)); n > 0 && group.queue.length > 0; n -= 1) {
    // Mostly from the front, so that keys come before what they open.
    const at = random.chance(0.7) ? 0 : random.below(group.queue.length);
    await group.deliver(group.take(group.queue[at]));
  }
}

/** Around the number of skipped keys that are kept. */
async function window(group) {
  const { random, unit } = group;
  const [writer, reader] = group.members;
  await group.distribute(writer, [reader]);
  await group.deliver(group.take(group.queue[0]));
  const count = random.between(1998, 2010);
  const items = (await Promise.all(Array.from({ length: count }, () => group.say(writer, [reader])))).flat();
  group.queue = [];
  unit.note(`window ${count}`);
  reader.knows.clear();
  for (const item of [items.at(-1), ...items.slice(0, 14), random.pick(items), ...items.slice(-4)]) await group.deliver(item);
}
