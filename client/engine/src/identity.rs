//! Own identity: made once, and its sender certificate, made anew each day.

use khaima_signal::sealed_sender::{SenderCertificate, SenderClaims, ServerCertificate};
use khaima_signal::{
    DeviceId, Direction, IdentityKey, IdentityKeyPair, KeyPair, LocalIdentity, ProtocolAddress, StoreError,
    Trust,
};
use uuid::Builder;

use crate::content::{MAX_NAME, Statement};
use crate::ctx::{Ctx, signal_time};
use crate::error::{CommandError, EngineError};
use crate::event::Event;
use crate::records::{CERTIFICATE_ID, CertificateRecord, PROFILE_ID, Profile, load};

/// Days a sender certificate is valid. Longer than an envelope waits at a relay by default (30), so that an honest one
/// does not expire on its way.
const CERTIFICATE_DAYS: u32 = 45;

/// Id of the server certificate inside ours. Any number that is not revoked; nobody looks it up.
const SERVER_CERTIFICATE_ID: u32 = 1;

/// Makes the identity of this device.
pub(crate) fn create_profile(ctx: &mut Ctx<'_>, name: &str) -> Result<(), EngineError> {
    if Profile::load_dyn(ctx)?.is_some() {
        return Err(CommandError::AlreadyProfile.into());
    }
    let name = checked_name(name)?;
    let identity = IdentityKeyPair::generate(ctx.rng);
    let mut random = [0; 16];
    ctx.rng.fill_bytes(&mut random);
    let uuid = Builder::from_random_bytes(random).into_uuid().into_bytes();
    let device = DeviceId::new(1).map_err(|_| EngineError::Internal("device 1 is out of range"))?;
    // 14 bits, so that it fits sealed sender to many; not 0.
    let registration_id = ctx.rng.next_u32() % 0x3FFF + 1;
    let statement = Statement::first(&identity, uuid, device, ctx.rng);
    let profile = Profile {
        name,
        uuid,
        device,
        registration_id,
        identity,
        statement: statement.bytes().to_vec(),
        statement_number: statement.number,
        home: None,
    };
    ctx.put(PROFILE_ID, &profile);
    ctx.event(Event::ProfileChanged);
    Ok(())
}

/// Changes the name told to contacts from now on.
pub(crate) fn set_name(ctx: &mut Ctx<'_>, name: &str) -> Result<(), EngineError> {
    let mut profile = ctx.profile()?;
    profile.name = checked_name(name)?;
    ctx.put(PROFILE_ID, &profile);
    ctx.event(Event::ProfileChanged);
    Ok(())
}

fn checked_name(name: &str) -> Result<String, CommandError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(CommandError::TextEmpty);
    }
    checked_length(name, MAX_NAME)?;
    Ok(name.to_owned())
}

/// Refuses text longer than `limit` bytes.
pub(crate) fn checked_length(text: &str, limit: usize) -> Result<(), CommandError> {
    if text.len() > limit {
        return Err(CommandError::TextTooLong { length: text.len(), limit });
    }
    Ok(())
}

/// Today's sender certificate, rooted in our own identity key; made if there is none yet.
pub(crate) fn certificate(ctx: &mut Ctx<'_>, profile: &Profile) -> Result<SenderCertificate, EngineError> {
    let today = ctx.today();
    if let Some(record) = load::<CertificateRecord>(ctx, CERTIFICATE_ID)?
        && record.day == today
        && let Ok(certificate) = SenderCertificate::decode(&record.certificate)
    {
        return Ok(certificate);
    }
    // A key for this one certificate, forgotten at once.
    let server_key = KeyPair::generate(ctx.rng);
    let identity = &profile.identity;
    let server = ServerCertificate::issue(SERVER_CERTIFICATE_ID, server_key.public(), identity, &mut ctx.rng);
    let claims = SenderClaims {
        uuid: profile.address().name().to_owned(),
        e164: None,
        device: profile.device,
        expires: signal_time(today.plus(CERTIFICATE_DAYS).start()),
        identity_key: identity.identity_key(),
    };
    let certificate = SenderCertificate::issue(claims, server, server_key.private(), ctx.rng);
    ctx.put(CERTIFICATE_ID, &CertificateRecord { day: today, certificate: certificate.encode().to_vec() });
    Ok(certificate)
}

/// Trusts one identity key and no other.
pub(crate) struct TrustOnly<'a>(pub(crate) &'a IdentityKey);

impl Trust for TrustOnly<'_> {
    fn is_trusted(&self, _: &ProtocolAddress, key: &IdentityKey, _: Direction) -> Result<bool, StoreError> {
        Ok(key == self.0)
    }
}
