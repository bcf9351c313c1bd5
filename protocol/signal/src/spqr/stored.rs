//! The form in which a state is kept: ours, versioned, numbers big-endian.
//!
//! ```text
//! base   version 01 | flags (1 negotiation, 2 chain) | negotiation? | chain? | braid
//! negotiation  direction 1 | min version 1 | max jump 4 | max keys 4 | length 4 | auth key
//! chain        direction 1 | max jump 4 | max keys 4 | root 32 | send epoch 8 | current epoch 8 | links 1, each:
//!   link       sendable 1 [counter 4 | value 32] | counter 4 | value 32 | pages 4, each: number 4
//! braid        epoch 8 | root key 32 | MAC key 32 | state 1 | its values
//!   encoder    next index 2 | rows
//!   decoder    chunks 1, each: index 2 | data 32
//! page   keys 2, each: index modulo 256, 1 | key 32
//! ```
//! The base is at most about 3 KB; ML-KEM secrets are in it as the random bytes they come from. Skipped keys lie in
//! pages of at most 8.5 KB beside it, so that a store writes only what changed; [`Spqr::encode`] puts them all behind the
//! base. A state that is off is no bytes at all.
//!
//! Not its concern: keeping the bytes secret, and what Signal's own clients store.
//!
//! Spec: docs/spec/stored-records.md; SPQR 13 says what has to be in it.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::SpqrError;
use super::authenticator::Authenticator;
use super::braid::{Braid, State};
use super::chain::{Chain, ChainParams, ChainParts, Direction, Half, Link};
use super::erasure::{Decoder, Encoder, Value};
use super::message::{Chunk, VERSION};
use super::mlkem::{DecapsulationKey, Encapsulation, Header};
use super::skipped::{PAGE_INDICES, Page, Skipped, SkippedKey};
use super::state::{Live, Negotiation, Spqr};
use crate::secret::Secret;

/// Version of this form.
const FORMAT: u8 = 1;
const NEGOTIATION: u8 = 1;
const CHAIN: u8 = 2;
/// Links a chain can have in protocol use: send epoch, the one before, the one after.
const MAX_LINKS: u8 = 3;
/// More than a base without auth key and page numbers can need, so that no vector grows and leaves its bytes behind.
const BASE_CAPACITY: usize = 4_096;
/// Bytes of a kept key.
const KEY_LENGTH: usize = 33;

/// A state in parts: everything but the skipped keys, and these in pages.
#[derive(Clone)]
pub struct StoredParts {
    /// The state without skipped keys; empty when the ratchet is off.
    pub base: Zeroizing<Vec<u8>>,
    /// Changed only by keys that come or go.
    pub pages: Vec<StoredPage>,
}

/// Up to 256 skipped keys.
#[derive(Clone)]
pub struct StoredPage {
    /// Chain epoch of the keys.
    pub epoch: u64,
    /// Index of the keys divided by 256.
    pub number: u32,
    /// At most 8450 bytes.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for StoredParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredParts(..)")
    }
}

impl std::fmt::Debug for StoredPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredPage(..)")
    }
}

impl Spqr {
    /// The stored form, in one piece. Holds keys: store it encrypted.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let StoredParts { base, pages } = self.encode_parts(None);
        if pages.is_empty() {
            return base;
        }
        let length = base.len() + pages.iter().map(|page| page.bytes.len()).sum::<usize>();
        let mut out = Zeroizing::new(Vec::with_capacity(length));
        out.extend_from_slice(&base);
        pages.iter().for_each(|page| out.extend_from_slice(&page.bytes));
        out
    }

    /// The stored form, in parts that change apart from each other. Pages that `known` shares are left out.
    #[must_use]
    pub fn encode_parts(&self, known: Option<&Self>) -> StoredParts {
        let Some(live) = &self.0 else {
            return StoredParts { base: Zeroizing::default(), pages: Vec::new() };
        };
        let parts = live.chain.as_ref().map(Chain::to_parts);
        let (mut pages, mut page_count) = (Vec::new(), 0);
        let known = known.and_then(|known| known.0.as_ref()?.chain.as_ref());
        if let Some(parts) = &parts {
            for (epoch, link) in parts.epochs().zip(&parts.links) {
                let known = known.and_then(|known| known.link(epoch)).map(|link| &link.skipped);
                page_count += link.skipped.pages().len();
                pages.extend(link.skipped.pages_unlike(known).map(|page| write_page(epoch, page)));
            }
        }
        let auth_key_length = live.negotiation.as_ref().map_or(0, |negotiation| negotiation.auth_key.len());
        let mut out = Writer::new(BASE_CAPACITY + auth_key_length + 4 * page_count);
        out.byte(FORMAT);
        let flag = |present, flag| if present { flag } else { 0 };
        out.byte(flag(live.negotiation.is_some(), NEGOTIATION) | flag(parts.is_some(), CHAIN));
        if let Some(negotiation) = &live.negotiation {
            out.negotiation(negotiation);
        }
        if let Some(parts) = &parts {
            out.chain(parts);
        }
        out.braid(&live.braid);
        StoredParts { base: out.0, pages }
    }

    /// Reads what [`Spqr::encode`] gave.
    ///
    /// # Errors
    /// [`SpqrError::StateDecode`] when the bytes are not such a state: damaged, or of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, SpqrError> {
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        let mut reader = Reader(bytes);
        let mut base = reader.base()?;
        base.read_pages(|_, _| reader.page_entries())?;
        reader.end()?;
        base.into_state()
    }

    /// Reads what [`Spqr::encode_parts`] gave. `page` is asked once for every page the base names, by epoch and number.
    ///
    /// # Errors
    /// [`SpqrError::StateDecode`] when a part is damaged, of a later version, missing, or does not belong.
    pub fn decode_parts<'a>(
        base: &[u8],
        page: impl Fn(u64, u32) -> Option<&'a [u8]>,
    ) -> Result<Self, SpqrError> {
        if base.is_empty() {
            return Ok(Self(None));
        }
        let mut reader = Reader(base);
        let mut base = reader.base()?;
        reader.end()?;
        base.read_pages(|epoch, number| {
            let mut reader = Reader(page(epoch, number).ok_or(SpqrError::StateDecode)?);
            let entries = reader.page_entries()?;
            reader.end()?;
            Ok(entries)
        })?;
        base.into_state()
    }
}

fn write_page(epoch: u64, page: &Page) -> StoredPage {
    let mut out = Writer::new(2 + KEY_LENGTH * page.keys().len());
    out.count(page.keys().len());
    for key in page.keys() {
        out.byte(key.index.to_le_bytes()[0]);
        out.bytes(&key.key);
    }
    StoredPage { epoch, number: page.number(), bytes: out.0 }
}

/// Writes into a buffer that is large enough from the start.
struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    fn new(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn u32(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    /// A count in two bytes; pages hold at most 256 keys.
    fn count(&mut self, count: usize) {
        self.bytes(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
    }

    fn direction(&mut self, direction: Direction) {
        self.byte(match direction {
            Direction::A2B => 0,
            Direction::B2A => 1,
        });
    }

    fn params(&mut self, params: ChainParams) {
        self.u32(params.max_jump);
        self.u32(params.max_ooo_keys);
    }

    fn negotiation(&mut self, negotiation: &Negotiation) {
        self.direction(negotiation.direction);
        self.byte(negotiation.min_version);
        self.params(negotiation.params);
        self.u32(u32::try_from(negotiation.auth_key.len()).unwrap_or(u32::MAX));
        self.bytes(&negotiation.auth_key);
    }

    fn chain(&mut self, parts: &ChainParts) {
        self.direction(parts.direction);
        self.params(parts.params);
        self.bytes(parts.next_root.as_slice());
        self.u64(parts.send_epoch);
        self.u64(parts.current_epoch);
        self.byte(u8::try_from(parts.links.len()).unwrap_or(u8::MAX));
        for link in &parts.links {
            self.byte(link.send.is_some().into());
            if let Some(send) = &link.send {
                self.half(send);
            }
            self.half(&link.receive);
            let pages = link.skipped.pages();
            self.u32(u32::try_from(pages.len()).unwrap_or(u32::MAX));
            pages.for_each(|page| self.u32(page.number()));
        }
    }

    fn half(&mut self, half: &Half) {
        self.u32(half.counter);
        self.bytes(half.value.as_slice());
    }

    fn braid(&mut self, braid: &Braid) {
        self.u64(braid.epoch);
        let (root_key, mac_key) = braid.authenticator.expose();
        self.bytes(root_key);
        self.bytes(mac_key);
        self.byte(braid.state.code());
        match &braid.state {
            State::KeysUnsampled => {}
            State::KeysSampled { ek_vector, key, header } => {
                self.bytes(key.seed().expose());
                self.bytes(ek_vector.bytes());
                self.encoder(header);
            }
            State::HeaderSent { key, ek_vector, ct1 } => {
                self.bytes(key.seed().expose());
                self.encoder(ek_vector);
                self.decoder(ct1);
            }
            State::Ct1Received { key, ct1, ek_vector } => {
                self.bytes(key.seed().expose());
                self.bytes(ct1.bytes());
                self.encoder(ek_vector);
            }
            State::EkSentCt1Received { key, ct1, ct2 } => {
                self.bytes(key.seed().expose());
                self.bytes(ct1.bytes());
                self.decoder(ct2);
            }
            State::NoHeaderReceived { header } => self.decoder(header),
            State::HeaderReceived { header } => self.bytes(&header.0),
            State::Ct1Sampled { header, encapsulation, ct1, ek_vector } => {
                self.bytes(&header.0);
                self.bytes(encapsulation.randomness().expose());
                self.encoder(ct1);
                self.decoder(ek_vector);
            }
            State::EkReceivedCt1Sampled { encapsulation, ct1, ek } => {
                self.bytes(&ek.header().0);
                self.bytes(encapsulation.randomness().expose());
                self.encoder(ct1);
                self.bytes(ek.vector().bytes());
            }
            State::Ct1Acknowledged { header, encapsulation, ct1, ek_vector } => {
                self.bytes(&header.0);
                self.bytes(encapsulation.randomness().expose());
                self.bytes(ct1.bytes());
                self.decoder(ek_vector);
            }
            State::Ct2Sampled { ct2 } => self.encoder(ct2),
        }
    }

    fn encoder<const N: usize>(&mut self, encoder: &Encoder<N>) {
        self.bytes(&encoder.next_index().to_be_bytes());
        self.bytes(encoder.value().bytes());
    }

    fn decoder<const N: usize>(&mut self, decoder: &Decoder<N>) {
        self.byte(u8::try_from(decoder.chunks().len()).unwrap_or(u8::MAX));
        for chunk in decoder.chunks() {
            self.bytes(&chunk.index.to_be_bytes());
            self.bytes(&chunk.data);
        }
    }
}

/// A base as read, its pages still to come.
struct Base {
    negotiation: Option<Negotiation>,
    chain: Option<(ChainParts, Vec<Vec<u32>>)>,
    braid: Braid,
}

impl Base {
    /// Puts in the pages the base names.
    fn read_pages<'a>(
        &mut self,
        mut entries: impl FnMut(u64, u32) -> Result<&'a [[u8; KEY_LENGTH]], SpqrError>,
    ) -> Result<(), SpqrError> {
        let Some((parts, numbers)) = &mut self.chain else { return Ok(()) };
        for ((epoch, link), numbers) in parts.epochs().zip(&mut parts.links).zip(numbers) {
            let mut pages = Vec::with_capacity(numbers.len());
            for number in numbers.iter().copied() {
                let first = number.checked_mul(PAGE_INDICES).ok_or(SpqrError::StateDecode)?;
                let entries = entries(epoch, number)?;
                // Large enough at once, for a vector that grows leaves its bytes behind.
                let mut keys = Vec::with_capacity(entries.len());
                keys.extend(
                    entries
                        .iter()
                        .map(|[low, key @ ..]| SkippedKey { index: first | u32::from(*low), key: *key }),
                );
                pages.push(Page::from_keys(number, keys).ok_or(SpqrError::StateDecode)?);
            }
            let highest = pages.last().and_then(|page| page.keys().last()).map_or(0, |key| key.index);
            if highest > 0 && highest >= link.receive.counter {
                return Err(SpqrError::StateDecode);
            }
            link.skipped = Skipped::from_pages(pages).ok_or(SpqrError::StateDecode)?;
        }
        Ok(())
    }

    fn into_state(self) -> Result<Spqr, SpqrError> {
        let epoch = self.braid.epoch;
        let chain = match self.chain {
            None => None,
            // The epoch negotiated now is the chain's current one once its secret is known, else the one after.
            Some((parts, _))
                if parts.current_epoch == epoch || epoch - parts.current_epoch.min(epoch) == 1 =>
            {
                Some(Chain::from_parts(parts).ok_or(SpqrError::StateDecode)?)
            }
            Some(_) => return Err(SpqrError::StateDecode),
        };
        // Until something has been received there may be no chain; and until then no epoch is over.
        if chain.is_none() && (self.negotiation.is_none() || epoch != 1) {
            return Err(SpqrError::StateDecode);
        }
        Ok(Spqr(Some(Live { negotiation: self.negotiation.map(Arc::new), chain, braid: self.braid })))
    }
}

/// Reads from the front of a slice; every failure is [`SpqrError::StateDecode`].
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], SpqrError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(SpqrError::StateDecode)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SpqrError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(SpqrError::StateDecode)?;
        self.0 = rest;
        Ok(*array)
    }

    fn secret<const N: usize>(&mut self) -> Result<Secret<N>, SpqrError> {
        Secret::from_slice(self.bytes(N)?).ok_or(SpqrError::StateDecode)
    }

    fn byte(&mut self) -> Result<u8, SpqrError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    fn u16(&mut self) -> Result<u16, SpqrError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, SpqrError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, SpqrError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn end(&self) -> Result<(), SpqrError> {
        if self.0.is_empty() { Ok(()) } else { Err(SpqrError::StateDecode) }
    }

    fn base(&mut self) -> Result<Base, SpqrError> {
        if self.byte()? != FORMAT {
            return Err(SpqrError::StateDecode);
        }
        let flags = self.byte()?;
        if flags & !(NEGOTIATION | CHAIN) != 0 {
            return Err(SpqrError::StateDecode);
        }
        let negotiation = if flags & NEGOTIATION != 0 { Some(self.negotiation()?) } else { None };
        let chain = if flags & CHAIN != 0 { Some(self.chain()?) } else { None };
        Ok(Base { negotiation, chain, braid: self.braid()? })
    }

    fn direction(&mut self) -> Result<Direction, SpqrError> {
        match self.byte()? {
            0 => Ok(Direction::A2B),
            1 => Ok(Direction::B2A),
            _ => Err(SpqrError::StateDecode),
        }
    }

    fn params(&mut self) -> Result<ChainParams, SpqrError> {
        let params = ChainParams { max_jump: self.u32()?, max_ooo_keys: self.u32()? };
        if params == params.resolved() { Ok(params) } else { Err(SpqrError::StateDecode) }
    }

    fn negotiation(&mut self) -> Result<Negotiation, SpqrError> {
        let direction = self.direction()?;
        let min_version = self.byte()?;
        if min_version > VERSION {
            return Err(SpqrError::StateDecode);
        }
        let params = self.params()?;
        let length = usize::try_from(self.u32()?).map_err(|_| SpqrError::StateDecode)?;
        let auth_key = Zeroizing::new(self.bytes(length)?.to_vec());
        Ok(Negotiation { direction, min_version, params, auth_key })
    }

    /// The chain, and for every link the numbers of its pages.
    fn chain(&mut self) -> Result<(ChainParts, Vec<Vec<u32>>), SpqrError> {
        let direction = self.direction()?;
        let params = self.params()?;
        let next_root = Zeroizing::new(self.array()?);
        let (send_epoch, current_epoch) = (self.u64()?, self.u64()?);
        let count = self.byte()?;
        if count == 0 || count > MAX_LINKS {
            return Err(SpqrError::StateDecode);
        }
        let (mut links, mut numbers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let send = match self.byte()? {
                0 => None,
                1 => Some(Arc::new(self.half()?)),
                _ => return Err(SpqrError::StateDecode),
            };
            let receive = Arc::new(self.half()?);
            links.push(Link { send, receive, skipped: Skipped::default() });
            let pages = self.u32()?;
            numbers.push((0..pages).map(|_| self.u32()).collect::<Result<Vec<_>, _>>()?);
        }
        Ok((ChainParts { direction, params, next_root, send_epoch, current_epoch, links }, numbers))
    }

    fn half(&mut self) -> Result<Half, SpqrError> {
        Ok(Half { counter: self.u32()?, value: Zeroizing::new(self.array()?) })
    }

    fn page_entries(&mut self) -> Result<&'a [[u8; KEY_LENGTH]], SpqrError> {
        let count = usize::from(self.u16()?);
        Ok(self.bytes(count * KEY_LENGTH)?.as_chunks().0)
    }

    fn braid(&mut self) -> Result<Braid, SpqrError> {
        let epoch = self.u64()?;
        if epoch == 0 {
            return Err(SpqrError::StateDecode);
        }
        let (root_key, mac_key) = (Zeroizing::new(self.array()?), Zeroizing::new(self.array()?));
        let authenticator = Arc::new(Authenticator::from_keys(&root_key, &mac_key));
        Ok(Braid { epoch, authenticator, state: self.state()? })
    }

    fn state(&mut self) -> Result<State, SpqrError> {
        Ok(match self.byte()? {
            1 => State::KeysUnsampled,
            2 => {
                let key = self.key()?;
                State::KeysSampled { key, ek_vector: self.value()?, header: self.encoder()? }
            }
            3 => {
                let key = self.key()?;
                State::HeaderSent { key, ek_vector: self.encoder()?, ct1: self.decoder()? }
            }
            4 => {
                let key = self.key()?;
                State::Ct1Received { key, ct1: self.value()?, ek_vector: self.encoder()? }
            }
            5 => {
                let key = self.key()?;
                State::EkSentCt1Received { key, ct1: self.value()?, ct2: self.decoder()? }
            }
            6 => State::NoHeaderReceived { header: self.decoder()? },
            7 => State::HeaderReceived { header: Header(self.array()?) },
            8 => {
                let (header, encapsulation) = self.encapsulation()?;
                State::Ct1Sampled { header, encapsulation, ct1: self.encoder()?, ek_vector: self.decoder()? }
            }
            9 => {
                let (header, encapsulation) = self.encapsulation()?;
                let ct1 = self.encoder()?;
                let ek = header.validate(self.value()?).map_err(|_| SpqrError::StateDecode)?;
                State::EkReceivedCt1Sampled { encapsulation, ct1, ek: Arc::new(ek) }
            }
            10 => {
                let (header, encapsulation) = self.encapsulation()?;
                State::Ct1Acknowledged {
                    header,
                    encapsulation,
                    ct1: self.value()?,
                    ek_vector: self.decoder()?,
                }
            }
            11 => State::Ct2Sampled { ct2: self.encoder()? },
            _ => return Err(SpqrError::StateDecode),
        })
    }

    fn key(&mut self) -> Result<Arc<DecapsulationKey>, SpqrError> {
        Ok(Arc::new(DecapsulationKey::from_seed(self.secret()?)))
    }

    fn encapsulation(&mut self) -> Result<(Header, Arc<Encapsulation>), SpqrError> {
        let header = Header(self.array()?);
        Ok((header, Arc::new(Encapsulation::from_randomness(self.secret()?))))
    }

    fn value<const N: usize>(&mut self) -> Result<Value<N>, SpqrError> {
        Value::from_parts(&[self.bytes(Value::<N>::LENGTH)?]).ok_or(SpqrError::StateDecode)
    }

    fn encoder<const N: usize>(&mut self) -> Result<Encoder<N>, SpqrError> {
        let next = self.u16()?;
        Ok(Encoder::resume(self.value()?, next))
    }

    fn decoder<const N: usize>(&mut self) -> Result<Decoder<N>, SpqrError> {
        let count = self.byte()?;
        let chunk = |reader: &mut Self| Ok(Chunk { index: reader.u16()?, data: reader.array()? });
        let chunks = (0..count).map(|_| chunk(self)).collect::<Result<Vec<_>, SpqrError>>()?;
        Decoder::from_chunks(chunks).ok_or(SpqrError::StateDecode)
    }
}
