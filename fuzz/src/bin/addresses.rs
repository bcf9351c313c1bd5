//! Any bytes and text as service ids, distribution ids and device ids: refused, or the same in every form.
#![no_main]

use khaima_signal::{DeviceId, DistributionId, ProtocolAddress, ServiceId};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = str::from_utf8(bytes).unwrap_or_default();
    let read = [
        ServiceId::from_binary(bytes).inspect(|id| assert_eq!(id.to_binary(), bytes)),
        ServiceId::from_fixed_width(bytes).inspect(|id| assert_eq!(id.to_fixed_width().as_slice(), bytes)),
        text.parse().inspect(|id: &ServiceId| assert!(id.to_string().eq_ignore_ascii_case(text))),
    ];
    for id in read.into_iter().flatten() {
        assert!(ServiceId::from_binary(&id.to_binary()) == Ok(id));
        assert!(ServiceId::from_fixed_width(&id.to_fixed_width()) == Ok(id));
        assert!(id.to_string().parse() == Ok(id));
    }
    if let Ok(id) = text.parse::<DistributionId>() {
        assert!(id.to_string().eq_ignore_ascii_case(text));
        assert!(DistributionId::from_bytes(*id.as_bytes()) == id);
    }
    if let Some(number) = bytes.first_chunk().copied().map(u32::from_be_bytes)
        && let Ok(device) = DeviceId::try_from(number)
    {
        assert_eq!(u32::from(device), number);
        let address = ProtocolAddress::new(text, device);
        assert_eq!(address.service_id().is_some(), text.parse::<ServiceId>().is_ok());
    }
});
