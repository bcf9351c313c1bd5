//! The table of QUIC settings, in one function.
//!
//! | setting | ours | quinn's default | why |
//! |---|---|---|---|
//! | streams bidi / uni | 8 / 2 | 100 / 100 | one long stream and few more; each allowed one costs memory on every connection |
//! | stream window | 128 KiB | 1.25 MB | two of the largest frames |
//! | connection window | 512 KiB | unlimited | what one client can make us hold |
//! | send window | 512 KiB | 10 MB | likewise, the other way |
//! | idle timeout | 90 s | 30 s | clients ping every 20 ± 5 s; phones sleep |
//! | spin bit | off | on | it shows round trip times to whoever watches |
//! | datagrams | none | 1.25 MB | not used |
//! | MTU discovery, GSO | on | on | half the CPU time |
//! | retry tokens kept by clients | 0 | 0–2 | such a token ties a client's addresses together |
//! | handshakes waiting | 4,096 of 64 KiB, 32 MiB in all | 65,536 of 10 MiB, 100 MiB | a flood must not fill memory |
//!
//! **Padding to the MTU is off**, against the first design, at both ends. It was on; a client that read late then hung in
//! one of eight runs until the idle timeout. quinn pads packets that hold only acknowledgements too, and such padded
//! packets fill the congestion window without being acknowledged (RFC 9000 §13.2.7 warns of it): after eight of them
//! nothing else may be sent, not even the room that the other end waits for. What an observer gains is the size of small
//! frames; hiding it takes padding of frames, within the stream.
//! Kept by `a_client_that_reads_late_gets_everything` in `tests/quic.rs`.
//!
//! TLS adds: 1.3 only, no session tickets, no early data (`tls`).
//!
//! Not its concern: how many connections there may be (`quic`).

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, MtuDiscoveryConfig, ServerConfig, TransportConfig, VarInt};

/// Idle time after which a connection is given up.
const IDLE_MS: u32 = 90_000;

/// The transport settings of both ends of a connection. A client adds its keep-alive.
#[must_use]
pub fn transport_config() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(8))
        .max_concurrent_uni_streams(VarInt::from_u32(2))
        .stream_receive_window(VarInt::from_u32(128 << 10))
        .receive_window(VarInt::from_u32(512 << 10))
        .send_window(512 << 10)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS))))
        .keep_alive_interval(None)
        .allow_spin(false)
        .pad_to_mtu(false)
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        .mtu_discovery_config(Some(MtuDiscoveryConfig::default()))
        .enable_segmentation_offload(true);
    config
}

/// The settings of the relay's end.
#[must_use]
pub fn server_config(crypto: Arc<dyn quinn::crypto::ServerConfig>) -> ServerConfig {
    let mut config = ServerConfig::with_crypto(crypto);
    let mut tokens = quinn::ValidationTokenConfig::default();
    tokens.sent(0);
    config
        .transport_config(Arc::new(transport_config()))
        .validation_token_config(tokens)
        .retry_token_lifetime(Duration::from_secs(15))
        .max_incoming(4_096)
        .incoming_buffer_size(64 << 10)
        .incoming_buffer_size_total(32 << 20);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a field in the debug output of a configuration.
    fn field(debug: &str, name: &str) -> String {
        let from = debug.find(&format!(" {name}: ")).unwrap_or_else(|| panic!("{name} in {debug}"));
        let rest = &debug[from + name.len() + 3..];
        let mut depth = 0;
        let end = rest.char_indices().find(|(_, c)| {
            depth += i32::from(matches!(c, '(' | '{')) - i32::from(matches!(c, ')' | '}'));
            (*c == ',' && depth == 0) || depth < 0
        });
        rest[..end.map_or(rest.len(), |(at, _)| at)].trim().to_owned()
    }

    #[test]
    fn every_setting_is_ours_and_not_the_default() {
        let (ours, default) =
            (format!("{:?}", transport_config()), format!("{:?}", TransportConfig::default()));
        for (name, value) in [
            ("max_concurrent_bidi_streams", "8"),
            ("max_concurrent_uni_streams", "2"),
            ("stream_receive_window", "131072"),
            ("receive_window", "524288"),
            ("send_window", "524288"),
            ("max_idle_timeout", "Some(90000)"),
            ("allow_spin", "false"),
            ("datagram_receive_buffer_size", "None"),
            ("datagram_send_buffer_size", "0"),
        ] {
            assert_eq!(field(&ours, name), value, "{name}");
            assert_ne!(field(&default, name), value, "{name} is as quinn has it: nothing is tested");
        }
        assert_eq!(field(&ours, "enable_segmentation_offload"), "true");
        assert!(field(&ours, "mtu_discovery_config").starts_with("Some("));
        assert_eq!(field(&ours, "pad_to_mtu"), "false", "see the module page");
        assert_eq!(field(&ours, "keep_alive_interval"), "None", "the client's business");
    }

    #[test]
    fn the_endpoint_bounds_what_half_open_handshakes_hold() {
        let identity = crate::transport::Identity::generate().unwrap();
        let crypto = identity.quic_config("relay.test").unwrap();
        let (ours, default) = (
            format!("{:?}", server_config(crypto.clone())),
            format!("{:?}", ServerConfig::with_crypto(crypto)),
        );
        for (name, value) in [
            ("max_incoming", "4096"),
            ("incoming_buffer_size", "65536"),
            ("incoming_buffer_size_total", "33554432"),
        ] {
            assert_eq!(field(&ours, name), value, "{name}");
            assert_ne!(field(&default, name), value, "{name}");
        }
    }
}
