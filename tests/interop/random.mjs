/**
 * A seeded generator, so that every script can be repeated from the number printed with it.
 *
 * The libraries draw their own randomness: a repeated script has the same steps and the same structure, not the same keys.
 */
export class Random {
  #state;

  /** @param {number} seed @param {string} label keeps the streams of different scenarios apart */
  constructor(seed, label) {
    let h = 0x811c9dc5;
    for (const c of `${label}:${seed}`) h = Math.imul(h ^ c.codePointAt(0), 0x01000193) >>> 0;
    this.#state = Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, h, 1);
    for (let i = 0; i < 16; i += 1) this.u32();
  }

  /** The next 32 bits (sfc32). */
  u32() {
    const s = this.#state;
    const t = (s[0] + s[1] + s[3]) >>> 0;
    s[3] += 1;
    s[0] = s[1] ^ (s[1] >>> 9);
    s[1] = s[2] + (s[2] << 3);
    s[2] = ((s[2] << 21) | (s[2] >>> 11)) + t;
    return t;
  }

  /** An integer in `0..bound`. */
  below(bound) {
    return Math.floor((this.u32() / 2 ** 32) * bound);
  }

  /** An integer in `low..=high`. */
  between(low, high) {
    return low + this.below(high - low + 1);
  }

  chance(probability) {
    return this.u32() / 2 ** 32 < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** One key of `{key: weight}`. */
  weighted(weights) {
    const entries = Object.entries(weights);
    let at = (this.u32() / 2 ** 32) * entries.reduce((sum, [, w]) => sum + w, 0);
    for (const [key, weight] of entries) {
      at -= weight;
      if (at < 0) return key;
    }
    return entries.at(-1)[0];
  }

  shuffle(list) {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i -= 1) {
      const j = this.below(i + 1);
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }

  bytes(length) {
    const out = Buffer.alloc(length);
    for (let i = 0; i < length; i += 1) out[i] = this.u32() & 0xff;
    return out;
  }

  hex(length) {
    return this.bytes(length).toString('hex');
  }

  uuid() {
    const h = this.hex(16);
    return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
  }

  /** A plaintext: often short, sometimes empty or on a block boundary, rarely long. */
  plaintext() {
    const kind = this.below(20);
    if (kind === 0) return '';
    if (kind < 4) return this.hex(16 * this.between(1, 8));
    if (kind === 19) return this.hex(this.between(1000, 6000));
    return this.hex(this.between(1, 160));
  }
}
