//! Compile-time proof that a type wipes what it holds when it is dropped.
//!
//! `wiped!` stands beside every type of this crate that wipes raw bytes itself. Below it stands for the types of other
//! crates that hold keys on the way: most do so only with a feature, which would be lost without a sound. Whatever else
//! holds secrets is made of such types; `tests/secrets.rs` searches the source for exceptions.
//!
//! Not its concern: copies of values that the compiler leaves on the stack.

/// Does not compile for a type that is not wiped on drop.
macro_rules! wiped {
    ($($type:ty),+ $(,)?) => {
        const _: () = {
            const fn is_wiped<T: zeroize::ZeroizeOnDrop>() {}
            $(is_wiped::<$type>();)+
        };
    };
}
pub(crate) use wiped;

// Expanded cipher keys and modes. AES-GCM-SIV holds its keys in the first.
wiped!(aes::Aes256, cbc::Encryptor<aes::Aes256>, cbc::Decryptor<aes::Aes256>, ctr::Ctr128BE<aes::Aes256>);
// Hash states that took in keys, those inside HMAC and HKDF too, which do not say so themselves.
wiped!(sha2::Sha256, sha2::Sha512);
// Encodings and plaintexts.
wiped!(zeroize::Zeroizing<Vec<u8>>, zeroize::Zeroizing<[u8; 32]>);
