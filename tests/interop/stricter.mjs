/**
 * The only differences that count as agreement: the rows of docs/spec/stricter.md.
 *
 * Ours may refuse where the official library accepts, with the one error that the row names, and only when the bytes show the reason. An
 * error in place of another error, or a refusal without such bytes, is a discrepancy.
 */
import { lastField, parse } from './protobuf.mjs';

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const KYBER_MODULUS = 3329;

const littleEndian = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** Is this serialized key a second spelling of a curve point? `false` for what is no key at all. */
const unreduced = (key) => key !== undefined && key.length >= 33 && key[0] === 5 && littleEndian(key.subarray(1, 33)) >= P;
const topBit = (key) => key !== undefined && key.length >= 33 && (key[32] & 0x80) !== 0;

function unreducedSignature(signature) {
  if (signature?.length !== 64) return false;
  const s = Buffer.from(signature.subarray(32));
  s[31] &= 0x7f;
  return littleEndian(s) >= L;
}

/** Would ours call a signature false that the library calls true? */
const refusedSignature = (key, signature) => unreducedSignature(signature) || topBit(key);

/** Has the KEM key a 12-bit coefficient that is not below the modulus? */
function unreducedKemKey(key) {
  if (key.length !== 1569) return false;
  for (let at = 1; at < 1 + 1536; at += 3) {
    const [a, b, c] = key.subarray(at, at + 3);
    if ((a | ((b & 0x0f) << 8)) >= KYBER_MODULUS || ((b >> 4) | (c << 4)) >= KYBER_MODULUS) return true;
  }
  return false;
}

/** Has a sender certificate a signature that ours calls false? */
function refusedCertificate(bytes, trustRoots) {
  const outer = parse(bytes);
  const inner = lastField(outer, 1) && parse(lastField(outer, 1).bytes);
  const signer = lastField(inner, 5) && parse(lastField(inner, 5).bytes);
  const server = lastField(signer, 1) && parse(lastField(signer, 1).bytes);
  return unreducedSignature(lastField(outer, 2)?.bytes) || unreducedSignature(lastField(signer, 2)?.bytes)
    || topBit(lastField(server, 2)?.bytes) || trustRoots.some(topBit);
}

/** Does the post-quantum part of a message give no key: of an unknown version, or of epoch 1 with index 0? */
const keyless = (part) => part !== undefined && (part[0] > 1 || (part[0] === 1 && part[1] === 1 && part[2] === 0));

/** Versions of the library that read a first message of a session they have under any identity key. */
const IGNORES_IDENTITY = /^0\.92\./;

const unhex = (text) => Buffer.from(text ?? '', 'hex');
const refuses = (answer, ...classes) => !answer.ok && classes.includes(answer.error);

const RULES = {
  verify: (args, ours) => ours.ok && refusedSignature(unhex(args.public_key), unhex(args.signature)) && 'signature',
  verify_alternate_identity: (args, ours) => ours.ok && refusedSignature(unhex(args.public_key), unhex(args.signature)) && 'signature',
  validate_certificate: (args, ours) =>
    ours.ok && refusedCertificate(unhex(args.certificate), args.trust_roots.map(unhex)) && 'signature of a certificate',

  process_bundle({ bundle }, ours) {
    const [identity, signed, prekey, kyber] = ['identity_key', 'signed_prekey', 'prekey', 'kyber_prekey'].map((name) => unhex(bundle[name]));
    if (refuses(ours, 'invalid_signature')) {
      const refused = refusedSignature(identity, unhex(bundle.signed_prekey_signature)) || refusedSignature(identity, unhex(bundle.kyber_prekey_signature));
      return refused && 'signature of a bundle';
    }
    if (!refuses(ours, 'invalid_key')) return false;
    if ([identity, signed, prekey].some(unreduced)) return 'key of a bundle';
    return unreducedKemKey(kyber) && 'Kyber key of a bundle';
  },

  decrypt(args, ours, { version, sender }) {
    const outer = args.type === 3 ? parse(unhex(args.message).subarray(1)) : null;
    const inner = args.type === 3 ? lastField(outer, 4)?.bytes : unhex(args.message);
    if (refuses(ours, 'invalid_message')) {
      const claimed = lastField(outer, 3)?.bytes.subarray(0, 33).toString('hex');
      if (IGNORES_IDENTITY.test(version) && sender !== undefined && claimed !== undefined && claimed !== sender) {
        return 'identity key of a known session (an older library)';
      }
      const fields = inner && parse(inner.subarray(1, -8));
      if (keyless(lastField(fields, 5)?.bytes)) return 'post-quantum part of no key or an unknown version';
      return unreduced(lastField(fields, 1)?.bytes) && 'ratchet key';
    }
    return refuses(ours, 'invalid_key') && unreduced(lastField(outer, 3)?.bytes) && 'identity key of a first message';
  },

  group_decrypt: (args, ours) =>
    refuses(ours, 'invalid_signature') && unreducedSignature(unhex(args.message).subarray(-64)) && 'signature of a group message',

  ss_open(args, ours) {
    const message = unhex(args.message);
    if (refuses(ours, 'sealed_sender_unknown_version')) return message[0] !== 0x11 && message[0] !== 0x22 && 'version byte of an envelope';
    if (!refuses(ours, 'sealed_sender_invalid') || message[0] >> 4 > 1) return false;
    return unreduced(lastField(parse(message.subarray(1)), 1)?.bytes) && 'ephemeral key of an envelope';
  },
};
RULES.ss_decrypt = RULES.ss_open;

/**
 * @param {{version: string, sender?: string}} context the library's version; the identity key under which the message was made, if known
 * @returns {string | null} the row that allows this difference
 */
export function tolerated(cmd, args, ours, official, context) {
  const accepts = official.ok && official.valid !== false;
  const refusal = !ours.ok || ours.valid === false;
  if (!accepts || !refusal) return null;
  return RULES[cmd]?.(args, ours, context) || null;
}
