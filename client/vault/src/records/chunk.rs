//! One record, cut into chunks, padded and sealed.
//!
//! Not its concern: where chunks are stored.

use zeroize::{Zeroize, Zeroizing};

use super::Name;
use crate::disk::Profile;
use crate::seal::{self, Key, OVERHEAD, RandomError};

/// Sizes a sealed chunk can have on disk. More of them would show more of a record's length, fewer would waste more.
/// The largest keeps every node of sled (at most about 20 entries) under 128 KiB, above which sled writes it to a
/// file of its own that it never syncs.
const SIZES: [usize; 5] = [256, 512, 1024, 2048, LARGEST];
const LARGEST: usize = 4096;

/// Bytes of a value in one full chunk.
pub(crate) const CHUNK_ROOM: usize = LARGEST - OVERHEAD;

/// Largest value of one record: 16 MiB. The engine's are at most 64 KiB.
pub(crate) const MAX_VALUE: usize = 16 * 1024 * 1024;

/// One version of a record, as the key table knows it.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// Generation that wrote it.
    pub(crate) generation: u64,
    /// Length of the value in bytes.
    pub(crate) length: u32,
    /// What seals and names its chunks.
    pub(crate) secret: Key,
}

/// Where a record stands: its profile and its key (kind and id) in the table.
#[derive(Clone, Copy)]
pub(crate) struct Address<'a> {
    /// The profile.
    pub(crate) profile: Profile,
    /// Kind (1 byte) and id (1 to 64 bytes).
    pub(crate) key: &'a [u8],
}

impl Version {
    /// How many chunks the value has; an empty one has one.
    pub(crate) fn chunks(&self) -> u32 {
        let full = u32::try_from(CHUNK_ROOM).unwrap_or(u32::MAX);
        self.length.div_ceil(full).max(1)
    }

    /// The name of one chunk.
    pub(crate) fn name(&self, address: Address<'_>, chunk: u32) -> Name {
        let place = self.place(address, chunk);
        self.secret.mac(&[seal::RECORD_NAME, &place])
    }

    /// The names of all chunks.
    pub(crate) fn names(&self, address: Address<'_>) -> impl Iterator<Item = Name> {
        (0..self.chunks()).map(move |chunk| self.name(address, chunk))
    }

    /// The key of all chunks.
    pub(crate) fn chunk_key(&self) -> Key {
        let mut bytes = self.secret.mac(&[seal::RECORD_KEY]);
        let mut key = Key::zero();
        key.expose_mut().copy_from_slice(&bytes);
        bytes.zeroize();
        key
    }

    /// Seals one chunk: `part` is its share of the value.
    pub(crate) fn seal(
        &self,
        key: &Key,
        address: Address<'_>,
        chunk: u32,
        part: &[u8],
    ) -> Result<Vec<u8>, RandomError> {
        let size = if self.chunks() > 1 {
            LARGEST
        } else {
            SIZES.into_iter().find(|size| part.len() + OVERHEAD <= *size).unwrap_or(LARGEST)
        };
        let mut plain = Zeroizing::new(Vec::with_capacity(size));
        plain.extend_from_slice(part);
        plain.resize(size - OVERHEAD, 0);
        seal::seal(key, &self.associated(address, chunk), &plain)
    }

    /// Opens one chunk and adds its share of the value to `value`; `None` when it is damaged.
    pub(crate) fn open(
        &self,
        key: &Key,
        address: Address<'_>,
        chunk: u32,
        sealed: &[u8],
        value: &mut Zeroizing<Vec<u8>>,
    ) -> Option<()> {
        let plain = seal::open(key, &self.associated(address, chunk), sealed)?;
        let missing = usize::try_from(self.length).ok()?.checked_sub(value.len())?;
        value.extend_from_slice(plain.get(..missing.min(CHUNK_ROOM))?);
        Some(())
    }

    fn associated(&self, address: Address<'_>, chunk: u32) -> Vec<u8> {
        [seal::RECORD, &self.place(address, chunk)].concat()
    }

    /// profile (1) ‖ length of the key (1) ‖ key ‖ generation (8) ‖ length of the value (4) ‖ chunk (4)
    fn place(&self, address: Address<'_>, chunk: u32) -> Vec<u8> {
        let key_length = u8::try_from(address.key.len()).unwrap_or(u8::MAX);
        [
            &[address.profile.number(), key_length],
            address.key,
            &self.generation.to_be_bytes(),
            &self.length.to_be_bytes(),
            &chunk.to_be_bytes(),
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Address<'_> = Address { profile: Profile::FIRST, key: b"\x04id" };

    fn version(length: usize) -> Version {
        Version { generation: 7, length: length.try_into().unwrap(), secret: Key::random().unwrap() }
    }

    fn sealed_sizes(length: usize) -> Vec<usize> {
        let version = version(length);
        let value = vec![1; length];
        let parts: Vec<&[u8]> = if length == 0 { vec![&[]] } else { value.chunks(CHUNK_ROOM).collect() };
        assert_eq!(parts.len(), version.chunks() as usize);
        let key = version.chunk_key();
        let mut read = Zeroizing::new(Vec::new());
        let mut sizes = Vec::new();
        for (chunk, part) in (0..).zip(parts) {
            let sealed = version.seal(&key, HERE, chunk, part).unwrap();
            version.open(&key, HERE, chunk, &sealed, &mut read).unwrap();
            sizes.push(sealed.len());
        }
        assert_eq!(*read, value);
        sizes
    }

    #[test]
    fn sealed_chunks_have_one_of_five_sizes() {
        for length in (0..9000).step_by(37).chain([216, 217, 4056, 4057, 65_536]) {
            let sizes = sealed_sizes(length);
            assert!(sizes.iter().all(|size| SIZES.contains(size)), "{length}: {sizes:?}");
        }
        assert_eq!(sealed_sizes(0), [256]);
        assert_eq!(sealed_sizes(216), [256]);
        assert_eq!(sealed_sizes(217), [512]);
        assert_eq!(sealed_sizes(4056), [4096]);
        assert_eq!(sealed_sizes(4057), [4096, 4096]);
        assert_eq!(sealed_sizes(65_536).len(), 17);
    }

    #[test]
    fn a_chunk_opens_only_in_its_place() {
        let version = version(3);
        let key = version.chunk_key();
        let sealed = version.seal(&key, HERE, 0, b"abc").unwrap();
        let mut value = Zeroizing::new(Vec::new());
        let mut opens = |version: &Version, address, chunk| {
            version.open(&key, address, chunk, &sealed, &mut value).is_some()
        };
        assert!(!opens(&version, HERE, 1));
        assert!(!opens(&version, Address { profile: Profile::SECOND, ..HERE }, 0));
        assert!(!opens(&version, Address { key: b"\x05id", ..HERE }, 0));
        assert!(!opens(&Version { generation: 8, ..version.clone() }, HERE, 0));
        assert!(!opens(&Version { length: 2, ..version.clone() }, HERE, 0));
        assert!(opens(&version, HERE, 0));
    }

    #[test]
    fn names_depend_on_secret_place_generation_and_chunk() {
        let version = version(9000);
        let mut names: Vec<Name> = version.names(HERE).collect();
        names.extend(version.names(Address { key: b"\x04ie", ..HERE }));
        names.extend(Version { generation: 8, ..version.clone() }.names(HERE));
        names.extend(Version { secret: Key::random().unwrap(), ..version }.names(HERE));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!((all, names.len()), (12, 12));
    }

    #[test]
    fn what_the_table_shows_of_a_version_is_no_secret() {
        assert_eq!(format!("{:?}", version(3)), "Version { generation: 7, length: 3, secret: Key(..) }");
    }
}
