/** Sender keys in the official library. */
import { hex, partyOf, unhex } from './official_sessions.mjs';

export function groupCommands({ library: L, parties }) {
  const of = ({ party }) => partyOf(parties, party);
  return {
    async group_create(args) {
      const p = of(args);
      const message = await L.SenderKeyDistributionMessage.create(p.address, args.distribution_id, p.senderKeys);
      return { message: hex(message.serialize()) };
    },

    group_reset(args) {
      const p = of(args);
      p.senderKeys.records.delete(`${args.distribution_id}/${p.address.toString()}`);
    },

    async group_process(args) {
      const sender = L.ProtocolAddress.new(args.name, args.device);
      const message = L.SenderKeyDistributionMessage.deserialize(unhex(args.message));
      await L.processSenderKeyDistributionMessage(sender, message, of(args).senderKeys);
    },

    async group_encrypt(args) {
      const p = of(args);
      const message = await L.groupEncrypt(p.address, args.distribution_id, p.senderKeys, unhex(args.plaintext));
      return { message: hex(message.serialize()) };
    },

    async group_decrypt(args) {
      const sender = L.ProtocolAddress.new(args.name, args.device);
      return { plaintext: hex(await L.groupDecrypt(sender, of(args).senderKeys, unhex(args.message))) };
    },
  };
}
