//! Our slips: which mailbox a contact may write to.

use crate::content::encode_slip;
use crate::ctx::{Ctx, LocalDevice};
use crate::error::EngineError;
use crate::records::{ContactRecord, MailboxRecord, Place, RelayRecord, Slip};

/// A signed slip for our mailbox for this contact, under the next number. The caller writes the contact.
pub(crate) fn own_slip(
    ctx: &mut Ctx<'_>,
    device: &LocalDevice,
    contact: &mut ContactRecord,
) -> Result<Vec<u8>, EngineError> {
    let id = contact.own_mailbox.ok_or(EngineError::Internal("a contact without a mailbox of ours"))?;
    let mailbox: MailboxRecord = ctx.require(id.as_bytes())?;
    let relay: RelayRecord = ctx.require(mailbox.relay.as_bytes())?;
    contact.own_slip_number = contact.own_slip_number.saturating_add(1);
    let place = Place { relay: relay.address, mailbox: id, bundle_key: mailbox.bundle_key.clone() };
    let slip =
        Slip { number: contact.own_slip_number, device: device.profile.device.value(), places: vec![place] };
    Ok(encode_slip(&slip, &device.profile.identity, ctx.rng))
}
