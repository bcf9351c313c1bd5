/** Keys, signatures and safety numbers in the official library. */
import { hex, unhex } from './official_sessions.mjs';

export function primitiveCommands({ library: L }) {
  const publicKey = (text) => L.PublicKey.deserialize(unhex(text));
  const privateKey = (text) => L.PrivateKey.deserialize(unhex(text));
  return {
    agree: (args) => ({ shared: hex(privateKey(args.private_key).agree(publicKey(args.public_key))) }),
    sign: (args) => ({ signature: hex(privateKey(args.private_key).sign(unhex(args.message))) }),
    verify: (args) => ({ valid: publicKey(args.public_key).verify(unhex(args.message), unhex(args.signature)) }),
    public_key: (args) => ({ public_key: hex(privateKey(args.private_key).getPublicKey().serialize()) }),

    sign_alternate_identity(args) {
      const identity = privateKey(args.private_key);
      const pair = new L.IdentityKeyPair(identity.getPublicKey(), identity);
      return { signature: hex(pair.signAlternateIdentity(publicKey(args.other))) };
    },

    verify_alternate_identity(args) {
      return { valid: publicKey(args.public_key).verifyAlternateIdentity(publicKey(args.other), unhex(args.signature)) };
    },

    fingerprint(args) {
      const made = L.Fingerprint.new(
        args.iterations, args.version, unhex(args.local_id), publicKey(args.local_key), unhex(args.remote_id), publicKey(args.remote_key),
      );
      return { display: made.displayableFingerprint().toString(), scannable: hex(made.scannableFingerprint().toBuffer()) };
    },

    fingerprint_compare({ mine, theirs }) {
      const scannable = (text) => L.ScannableFingerprint._fromBuffer(unhex(text));
      return { match: scannable(mine).compare(scannable(theirs)) };
    },
  };
}
