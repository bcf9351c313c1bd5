/** The official library's errors as classes of the interop protocol. */

/** Thrown by our stores inside the library; it carries its class through. */
export class StoreRefusal extends Error {
  constructor(errorClass) {
    super(`refused-by-store:${errorClass}:`);
    this.errorClass = errorClass;
  }
}

const BY_CODE = {
  DuplicatedMessage: 'duplicate_message',
  SealedSenderSelfSend: 'sealed_sender_self_send',
  UntrustedIdentity: 'untrusted_identity',
  InvalidRegistrationId: 'invalid_registration_id',
  InvalidProtocolAddress: 'invalid_address',
  InvalidSession: 'invalid_session',
  InvalidSenderKeySession: 'invalid_sender_key',
};

/** Errors that the library gives one common code are told apart by the fixed part of their text. */
const BY_TEXT = [
  ['invalid_message', /^invalid (PreKey|Whisper|SenderKey|Plaintext) message/],
  ['no_session', /^session (with .* )?not found/],
  ['no_sender_key', /^missing sender key state/],
  ['invalid_signature', /^invalid signature detected/],
  ['legacy_version', /^ciphertext version was too old/],
  ['unknown_version', /^(ciphertext version was unrecognized|unrecognized message version)/],
  ['malformed', /^(protobuf encoding was invalid|ciphertext serialized bytes were too short)/],
  ['invalid_key', /^(no key type identifier|bad key (type|length)|bad KEM |unexpected key type|wrong KEM|KEM |invalid key agreement)/i],
  ['sealed_sender_unknown_version', /^unknown sealed sender message version/],
  ['sealed_sender_unknown_server_certificate', /^unknown server certificate ID/],
  ['sealed_sender_invalid', /^invalid sealed sender message/],
  ['fingerprint_version_mismatch', /^fingerprint version number mismatch/],
  ['fingerprint_invalid', /^(fingerprint parsing error|Invalid fingerprint iterations)/],
  ['invalid_argument', /^invalid argument/],
  ['invalid_state', /^invalid state/],
];

/** @returns {string} the class; `internal` for what has none, which the driver always reports */
export function errorClass(library, error) {
  if (error instanceof StoreRefusal) return error.errorClass;
  const text = String(error?.message ?? error);
  const refusal = /refused-by-store:([a-z_]+):/.exec(text);
  if (refusal) return refusal[1];
  const byCode = BY_CODE[library.ErrorCode[error?.code]];
  if (byCode) return byCode;
  for (const [name, pattern] of BY_TEXT) if (pattern.test(text)) return name;
  return 'internal';
}
