/** Certificates and sealed sender in the official library. */
import { dateOf, hex, partyOf, unhex } from './official_sessions.mjs';
import { bytesField, intField } from './protobuf.mjs';

/** Inside sealed content, and only there, a prekey message has the number 1. */
const INNER_TYPE = { 2: 2, 3: 1, 7: 7, 8: 8 };

export function sealedCommands({ library: L, parties }) {
  const of = ({ party }) => partyOf(parties, party);
  const at = ({ name, device }) => L.ProtocolAddress.new(name, device);
  const key = (text) => L.PublicKey.deserialize(unhex(text));
  const senderCertificate = (text) => L.SenderCertificate.deserialize(unhex(text));

  /** The library makes content only from messages that it made itself; any other is written as protobuf. */
  function content(args, type, bytes) {
    const certificate = senderCertificate(args.certificate);
    return L.UnidentifiedSenderMessageContent.deserialize(Buffer.concat([
      intField(1, INNER_TYPE[type]), bytesField(2, Buffer.from(certificate.serialize())), bytesField(3, bytes),
      args.content_hint ? intField(4, args.content_hint) : Buffer.alloc(0),
      args.group_id ? bytesField(5, unhex(args.group_id)) : Buffer.alloc(0),
    ]));
  }

  return {
    server_certificate(args) {
      const made = L.ServerCertificate.new(args.key_id, key(args.key), L.PrivateKey.deserialize(unhex(args.trust_root_private)));
      return { certificate: hex(made.serialize()) };
    },

    sender_certificate(args) {
      const made = L.SenderCertificate.new(
        args.name, args.e164, args.device, key(args.identity_key), args.expires_ms,
        L.ServerCertificate.deserialize(unhex(args.server_certificate)), L.PrivateKey.deserialize(unhex(args.server_private)),
      );
      return { certificate: hex(made.serialize()) };
    },

    validate_certificate(args) {
      const certificate = senderCertificate(args.certificate);
      // Names an unknown signer as the error that validation turns into `false`.
      certificate.serverCertificate();
      return { valid: certificate.validateWithTrustRoots(args.trust_roots.map(key), args.now_ms) };
    },

    async ss1_encrypt(args) {
      const p = of(args);
      const certificate = senderCertificate(args.certificate);
      const from = L.ProtocolAddress.new(certificate.senderUuid(), certificate.senderDeviceId());
      const message = await L.signalEncrypt(unhex(args.plaintext), at(args), from, p.sessions, p.identities, dateOf(args.now_ms));
      const group = args.group_id ? unhex(args.group_id) : null;
      const usmc = L.UnidentifiedSenderMessageContent.new(message, certificate, args.content_hint, group);
      return { message: hex(await L.sealedSenderEncrypt(usmc, at(args), p.identities)) };
    },

    async ss1_seal(args) {
      const usmc = content(args, args.type, unhex(args.content));
      return { message: hex(await L.sealedSenderEncrypt(usmc, at(args), of(args).identities)) };
    },

    async ss_open(args) {
      const usmc = await L.sealedSenderDecryptToUsmc(unhex(args.message), of(args).identities);
      const certificate = usmc.senderCertificate();
      const group = usmc.groupId();
      return {
        type: usmc.msgType(), content: hex(usmc.contents()), content_hint: usmc.contentHint(), group_id: group?.length ? hex(group) : null,
        sender_name: certificate.senderUuid(), sender_e164: certificate.senderE164(), sender_device: certificate.senderDeviceId(),
        certificate: hex(certificate.serialize()),
      };
    },

    async ss_decrypt(args) {
      const p = of(args);
      const opened = await L.sealedSenderDecryptMessage(
        unhex(args.message), key(args.trust_root), args.now_ms, args.local_e164, p.name, p.device,
        p.sessions, p.identities, p.prekeys, p.signed, p.kyber,
      );
      return {
        plaintext: hex(opened.message()), sender_name: opened.senderUuid(), sender_e164: opened.senderE164(), sender_device: opened.deviceId(),
      };
    },

    async ss2_encrypt(args) {
      const p = of(args);
      const sent = await L.sealedSenderMultiRecipientEncrypt({
        content: content(args, args.type, unhex(args.content)), recipients: args.recipients.map(at),
        excludedRecipients: args.excluded.map((text) => L.ServiceId.parseFromServiceIdString(text)),
        identityStore: p.identities, sessionStore: p.sessions,
      });
      return { message: hex(sent) };
    },

    ss2_split({ message }) {
      const sent = new L.SentMessage(unhex(message));
      const recipients = Object.entries(sent.recipientsByServiceIdString()).map(([serviceId, recipient]) => ({
        service_id: serviceId,
        devices: [...recipient.deviceIds].map((device, i) => ({ device, registration_id: recipient.registrationIds[i] })),
        received: hex(sent.messageForRecipient(recipient)),
      }));
      return { recipients, excluded: [...sent.excludedRecipientServiceIdStrings()] };
    },
  };
}
