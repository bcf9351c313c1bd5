//! The encrypted store on sled, the key table that forgets, the passphrase.
