//! Any bytes as the stored parts of a session record: refused, or the same parts when stored again; and what was read can be
//! used without a panic.
#![no_main]

use khaima_fuzz::honest::{EXCHANGE, NOW, rng};
use khaima_fuzz::parts::{sorted, split};
use khaima_signal::SessionRecord;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let parts = split(bytes);
    let Ok(record) = SessionRecord::from_parts(parts.clone()) else { return };
    assert!(sorted(record.to_parts()) == sorted(parts), "storing again gives other parts");
    let changes = record.archive().changes_since(&record);
    assert!(changes.put.len() + changes.delete.len() <= 1 + record.to_parts().len());

    let [alice, bob] = &EXCHANGE.devices;
    let mut device = bob.clone();
    device.load(record);
    for message in [&EXCHANGE.next, &EXCHANGE.first] {
        let _ = device.decrypt(&alice.address, message, &mut rng(1));
        device.restart();
    }
    let _ = device.encrypt(&alice.address, b"text", NOW, &mut rng(2));
    device.restart();
});
