//! What is true of this backend beside the rules of all stores: crashes, faults of the disk, what lies on it.

use super::*;

#[test]
fn an_embedded_store_keeps_every_rule() {
    let dirs = std::cell::RefCell::new(Vec::new());
    crate::store::conformance::every_fact(|| {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(dir.path(), StoreKey::from_bytes(&[3; 32])).unwrap();
        dirs.borrow_mut().push(dir);
        store
    });
}
