/**
 * Ways in which an implementation can be wrong, each of which the driver must notice.
 *
 * A sabotage names the command, the answers that it spoils (`when`), what becomes of them, and the scenario in which it is looked for.
 */

const flipByte = (text) => (text === '' ? '00' : (parseInt(text.slice(0, 2), 16) ^ 1).toString(16).padStart(2, '0') + text.slice(2));
const refused = (...classes) => (answer) => !answer.ok && (classes.length === 0 || classes.includes(answer.error));
const ok = (answer) => answer.ok;
const fails = (error) => () => ({ ok: false, error });

/** @type {{what: string, scenario: string, cmd: string, when: (answer: any, args: any) => boolean, spoil: (answer: any, args: any) => any}[]} */
export const SABOTAGES = [
  {
    what: 'a flipped byte of a plaintext', scenario: 'sessions', cmd: 'decrypt', when: ok,
    spoil: (a) => ({ ...a, plaintext: flipByte(a.plaintext) }),
  },
  { what: 'a message that cannot be read', scenario: 'sessions', cmd: 'decrypt', when: ok, spoil: fails('invalid_message') },
  { what: 'a wrong class', scenario: 'sessions', cmd: 'decrypt', when: refused('invalid_message'), spoil: fails('malformed') },
  {
    what: 'a repeated message that is read again', scenario: 'sessions', cmd: 'decrypt', when: refused('duplicate_message'),
    spoil: () => ({ ok: true, plaintext: '' }),
  },
  {
    what: 'a changed message that is read', scenario: 'sessions', cmd: 'decrypt', when: refused('invalid_message'),
    spoil: () => ({ ok: true, plaintext: '00' }),
  },
  { what: 'an internal error', scenario: 'sessions', cmd: 'decrypt', when: refused(), spoil: fails('internal') },
  { what: 'a lost message', scenario: 'sessions', cmd: 'encrypt', when: ok, spoil: (a, args, before) => before ?? a },
  {
    what: 'a message without its MAC', scenario: 'sessions', cmd: 'encrypt', when: (a) => a.ok && a.type === 2,
    spoil: (a) => ({ ...a, message: a.message.slice(0, -16) }),
  },
  {
    what: 'a flipped byte of a ciphertext', scenario: 'sessions', cmd: 'encrypt', when: ok,
    spoil: (a) => ({ ...a, message: a.message.slice(0, -40) + flipByte(a.message.slice(-40)) }),
  },
  {
    what: 'a longer message', scenario: 'sessions', cmd: 'encrypt', when: (a) => a.ok && a.type === 3,
    spoil: (a) => ({ ...a, message: `${a.message}9a0100` }),
  },
  { what: 'a type changed too early', scenario: 'sessions', cmd: 'encrypt', when: (a) => a.ok && a.type === 3, spoil: (a) => ({ ...a, type: 2 }) },
  { what: 'a prekey that is not used up', scenario: 'sessions', cmd: 'prekeys', when: ok, spoil: (a) => ({ ...a, prekeys: [...a.prekeys, 77] }) },
  { what: 'a session that seems usable', scenario: 'sessions', cmd: 'session_info', when: (a) => !a.usable, spoil: (a) => ({ ...a, usable: true }) },
  {
    what: 'another registration id', scenario: 'sessions', cmd: 'session_info', when: (a) => a.remote_registration_id !== null,
    spoil: (a) => ({ ...a, remote_registration_id: 1 }),
  },
  {
    what: 'a bundle with a bad signature that is taken', scenario: 'sessions', cmd: 'process_bundle', when: refused('invalid_signature'),
    spoil: () => ({ ok: true }),
  },
  { what: 'a good bundle that is refused as not reduced', scenario: 'sessions', cmd: 'process_bundle', when: ok, spoil: fails('invalid_key') },
  {
    what: 'a changed identity that is trusted', scenario: 'sessions', cmd: 'get_identity', when: ok,
    spoil: () => ({ ok: true, identity_key: null }),
  },
  { what: 'a state that is not restored', scenario: 'sessions', cmd: 'load', when: ok, spoil: fails('invalid_argument') },
  {
    what: 'a flipped byte of a group message', scenario: 'groups', cmd: 'group_decrypt', when: ok,
    spoil: (a) => ({ ...a, plaintext: flipByte(a.plaintext) }),
  },
  {
    what: 'a forged group message that is read', scenario: 'groups', cmd: 'group_decrypt', when: refused('invalid_signature'),
    spoil: () => ({ ok: true, plaintext: '' }),
  },
  { what: 'a group message that is refused as not reduced', scenario: 'groups', cmd: 'group_decrypt', when: ok, spoil: fails('invalid_signature') },
  {
    what: 'a group message written under a lost key', scenario: 'groups', cmd: 'group_encrypt', when: ok,
    spoil: (a) => ({ ...a, message: flipByte(a.message) }),
  },
  {
    what: 'another sender of an envelope', scenario: 'sealed', cmd: 'ss_open', when: ok,
    spoil: (a) => ({ ...a, sender_device: a.sender_device + 1 }),
  },
  { what: 'an envelope of a false version', scenario: 'sealed', cmd: 'ss_open', when: ok, spoil: fails('sealed_sender_unknown_version') },
  {
    what: 'an expired certificate that is taken', scenario: 'sealed', cmd: 'ss_decrypt', when: refused('sealed_sender_invalid'),
    spoil: () => ({ ok: true, plaintext: '' }),
  },
  {
    what: 'an own message that is taken', scenario: 'sealed', cmd: 'ss_decrypt', when: refused('sealed_sender_self_send'),
    spoil: fails('invalid_message'),
  },
  {
    what: 'a split for the wrong registration', scenario: 'sealed', cmd: 'ss2_split', when: (a) => a.ok && a.recipients.length > 0,
    spoil: wrongRegistration,
  },
  {
    what: 'an excluded recipient that is forgotten', scenario: 'sealed', cmd: 'ss2_split', when: (a) => a.ok && a.excluded.length > 0,
    spoil: (a) => ({ ...a, excluded: [] }),
  },
  {
    what: 'a certificate of a stranger that holds', scenario: 'sealed', cmd: 'validate_certificate', when: (a) => a.valid === false,
    spoil: () => ({ ok: true, valid: true }),
  },
  {
    what: 'a good certificate that does not hold', scenario: 'sealed', cmd: 'validate_certificate', when: (a) => a.valid === true,
    spoil: () => ({ ok: true, valid: false }),
  },
  {
    what: 'another safety number', scenario: 'safety_numbers', cmd: 'fingerprint', when: ok,
    spoil: (a) => ({ ...a, display: `${(Number(a.display[0]) + 1) % 10}${a.display.slice(1)}` }),
  },
  {
    what: 'another code', scenario: 'safety_numbers', cmd: 'fingerprint', when: ok,
    spoil: (a) => ({ ...a, scannable: a.scannable.slice(0, -2) + flipByte(a.scannable.slice(-2)) }),
  },
  {
    what: 'codes of strangers that match', scenario: 'safety_numbers', cmd: 'fingerprint_compare', when: (a) => a.match === false,
    spoil: () => ({ ok: true, match: true }),
  },
  { what: 'an accepted forgery', scenario: 'primitives', cmd: 'verify', when: (a) => a.valid === false, spoil: () => ({ ok: true, valid: true }) },
  {
    what: 'a good signature that is refused', scenario: 'primitives', cmd: 'verify', when: (a, args) => a.valid && args.signature.slice(-2) < '10',
    spoil: () => ({ ok: true, valid: false }),
  },
  { what: 'another shared secret', scenario: 'primitives', cmd: 'agree', when: ok, spoil: (a) => ({ shared: flipByte(a.shared), ok: true }) },
  {
    what: 'an agreement with nothing', scenario: 'primitives', cmd: 'agree', when: refused('invalid_key'),
    spoil: () => ({ ok: true, shared: '00'.repeat(32) }),
  },
  {
    what: 'a proof for another identity', scenario: 'primitives', cmd: 'verify_alternate_identity', when: (a) => a.valid === false,
    spoil: () => ({ ok: true, valid: true }),
  },
  {
    what: 'another ratchet key', scenario: 'decryption_errors', cmd: 'parse_decryption_error', when: (a) => a.ratchet_key,
    spoil: (a) => ({ ...a, ratchet_key: null }),
  },
  {
    what: 'a complaint about nothing', scenario: 'decryption_errors', cmd: 'decryption_error', when: refused(),
    spoil: () => ({ ok: true, message: '', plaintext_content: '' }),
  },
  { what: 'a stranger that is opened', scenario: 'mutations', cmd: 'ss_open', when: refused(), spoil: fails('invalid_message') },
  {
    what: 'a split of changed bytes', scenario: 'mutations', cmd: 'ss2_split', when: refused(),
    spoil: () => ({ ok: true, recipients: [], excluded: [] }),
  },
];

function wrongRegistration(answer) {
  const [first, ...others] = answer.recipients;
  const [device, ...devices] = first.devices;
  return { ...answer, recipients: [{ ...first, devices: [{ ...device, registration_id: device.registration_id ^ 1 }, ...devices] }, ...others] };
}
