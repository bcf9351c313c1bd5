/**
 * Two worlds in which the same script runs, with the sides exchanged: who is the official library in one is ours in the other.
 *
 * Every step is thus done once by each implementation, against a peer of the other kind, and the two answers are compared. No model of the
 * protocol is needed to know what is expected after loss, corruption or resets: the official library says it, in the very same situation.
 * Keys differ between the worlds, structure does not: see shape.mjs.
 */

import { Parted } from './unit.mjs';

/** @typedef {{key: string, name: string, device: number, registrationId: number, identityPrivate: string, side: object[]}} Party */

export class Twin {
  /** @param {import('./unit.mjs').Unit} unit */
  constructor(unit) {
    this.unit = unit;
    this.parties = [];
  }

  /** Makes a party in both worlds, official in the first one if `official` says so and in the second one otherwise. */
  async party({ name, device, registrationId, identityPrivate, official }) {
    const { unit } = this;
    const side = official ? [unit.official, unit.ours] : [unit.ours, unit.official];
    const party = { key: `p${this.parties.length}`, name, device, registrationId, identityPrivate, side };
    this.parties.push(party);
    await this.recreate(party);
    return party;
  }

  /** Makes the party anew: all its stores are empty. */
  async recreate(party) {
    const { name, device, registrationId, identityPrivate } = party;
    const answers = await this.call(party, 'new_party', {
      name, device, registration_id: registrationId, identity_private: identityPrivate,
    });
    party.identityKey = answers[0].identity_key;
  }

  handle(party, world) {
    return `${this.unit.prefix}.${world}.${party.key}`;
  }

  /**
   * One step of `party` in both worlds.
   *
   * @param {object | ((world: number) => object)} args
   * @param {string} [sender] the identity key under which the message in `args` was made
   * @returns {Promise<object[]>} the answers by world; they agree, or the script has ended
   */
  async call(party, cmd, args = {}, sender = undefined) {
    const asked = [0, 1].map((world) => ({
      party: this.handle(party, world), ...(typeof args === 'function' ? args(world) : args),
    }));
    const answers = await Promise.all(asked.map((a, world) => this.unit.call(party.side[world], cmd, a)));
    const [official, ours] = party.side[0] === this.unit.official ? [0, 1] : [1, 0];
    const agreed = this.unit.compare(
      cmd, { args: asked[official], answer: answers[official] }, { args: asked[ours], answer: answers[ours] }, sender,
    );
    // A copy is thrown away in any case.
    if (!agreed && !party.isCopy) throw new Parted();
    return answers;
  }

  /** {@link call}, and it has to succeed. */
  async must(party, cmd, args = {}) {
    const answers = await this.call(party, cmd, args);
    if (!answers[0].ok) this.unit.fail(`${cmd} is refused`, { party: party.key, answer: answers[0] });
    return answers;
  }

  /** Does `steps` with a copy of the party, which is thrown away. */
  async onClone(party, steps) {
    const saved = await this.must(party, 'save');
    const clone = { ...party, key: `${party.key}clone`, isCopy: true };
    await this.must(clone, 'load', (world) => ({ state: saved[world].state }));
    try {
      return await steps(clone);
    } finally {
      await this.call(clone, 'drop_party');
    }
  }

  /** Stops the party and starts it from its saved state, ours in a new process when `fresh`. */
  async restart(party, fresh) {
    const saved = await this.must(party, 'save');
    await this.must(party, 'drop_party');
    if (fresh) {
      const process = await this.unit.fresh();
      party.side = party.side.map((side) => (side === this.unit.official ? side : process));
    }
    await this.must(party, 'load', (world) => ({ state: saved[world].state }));
  }

  async end() {
    await Promise.all(this.parties.map((party) => this.call(party, 'drop_party')));
  }
}
