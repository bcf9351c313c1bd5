//! Each part against its own vectors.

use khaima_signal::Secret;
use khaima_signal::hazmat::spqr::{
    Authenticator, Chain, ChainParams, Chunk, Ct1, DecapsulationKey, Decoder, Encapsulation, Encoder, Header,
    KeyPair, Message, Payload, SpqrError, Value, epoch_secret, inverse, mul,
};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::vectors::{array, bytes, direction, name, read};

fn element(hex: &str) -> u16 {
    u16::from_str_radix(hex, 16).unwrap()
}

#[derive(Deserialize)]
struct Field {
    mul: Vec<[String; 3]>,
    inv: Vec<[String; 2]>,
}

#[test]
fn the_field_multiplies_and_inverts() {
    let Field { mul: products, inv } = read("gf16.json");
    assert!(!products.is_empty() && !inv.is_empty());
    for [a, b, product] in products {
        assert_eq!(mul(element(&a), element(&b)), element(&product), "{a} * {b}");
    }
    for [a, expected] in inv {
        assert_eq!(inverse(element(&a)), element(&expected), "1 / {a}");
    }
}

#[derive(Deserialize)]
struct Erasure {
    encode: Vec<Encode>,
    decode: Vec<Decode>,
}

#[derive(Deserialize)]
struct Encode {
    payload: String,
    chunks: Vec<String>,
    far_chunks: Vec<(u16, String)>,
}

#[derive(Deserialize)]
struct Decode {
    payload_len: usize,
    order: Vec<u16>,
    completes_after: usize,
}

fn code<const N: usize>(vectors: &Erasure) {
    let encode = vectors.encode.iter().find(|entry| entry.payload.len() == 64 * N).unwrap();
    let value = Value::<N>::from_parts(&[&bytes(&encode.payload)]).unwrap();
    let mut encoder = Encoder::new(value.clone());
    for (index, expected) in encode.chunks.iter().enumerate() {
        let (chunk, next) = encoder.advance();
        assert_eq!(usize::from(chunk.index), index);
        assert_eq!(hex::encode(chunk.data), *expected, "{N} rows, chunk {index}");
        encoder = next;
    }
    for (index, expected) in &encode.far_chunks {
        assert_eq!(hex::encode(value.chunk(*index).data), *expected, "{N} rows, chunk {index}");
    }
    for decode in vectors.decode.iter().filter(|entry| entry.payload_len == 32 * N) {
        let mut decoder = Decoder::<N>::new();
        for (fed, index) in decode.order.iter().enumerate() {
            decoder = decoder.with(value.chunk(*index));
            let expected = (fed + 1 >= decode.completes_after).then_some(&value);
            assert_eq!(decoder.complete().as_ref(), expected, "{N} rows, {fed} fed of {:?}", decode.order);
        }
    }
}

#[test]
fn the_erasure_code_encodes_and_decodes() {
    let vectors: Erasure = read("erasure.json");
    let mut lengths: Vec<_> = vectors.encode.iter().map(|entry| entry.payload.len() / 64).collect();
    lengths.extend(vectors.decode.iter().map(|entry| entry.payload_len / 32));
    lengths.sort_unstable();
    lengths.dedup();
    assert_eq!(lengths, [1, 3, 5, 30, 34, 36]);
    code::<1>(&vectors);
    code::<3>(&vectors);
    code::<5>(&vectors);
    code::<30>(&vectors);
    code::<34>(&vectors);
    code::<36>(&vectors);
}

#[derive(Deserialize)]
struct Chains {
    kdf: Vec<ChainKdf>,
    sequences: Vec<ChainSequence>,
}

#[derive(Deserialize)]
struct ChainKdf {
    auth_key: String,
    epoch0: ChainEpoch,
    epoch0_a2b_keys_1_to_3: [String; 3],
    epoch0_b2a_keys_1_to_3: [String; 3],
    epoch1_secret: String,
    epoch1: ChainEpoch,
    epoch1_a2b_keys_1_to_3: [String; 3],
    epoch1_b2a_keys_1_to_3: [String; 3],
}

#[derive(Deserialize)]
struct ChainEpoch {
    next_root: String,
    a2b_chain: String,
    b2a_chain: String,
}

#[derive(Deserialize)]
struct ChainSequence {
    direction: String,
    auth_key: String,
    max_jump: u32,
    max_ooo_keys: u32,
    ops: Vec<Vec<Json>>,
}

fn check_epoch(chain: &Chain, expected: &ChainEpoch, from_a: bool) {
    let parts = chain.to_parts();
    let link = parts.links.last().unwrap();
    let send = link.send.as_ref().unwrap();
    let (a2b, b2a) = if from_a { (send, &link.receive) } else { (&link.receive, send) };
    assert_eq!(hex::encode(parts.next_root.as_slice()), expected.next_root);
    assert_eq!(hex::encode(a2b.value.as_slice()), expected.a2b_chain);
    assert_eq!(hex::encode(b2a.value.as_slice()), expected.b2a_chain);
}

fn check_keys(chain: &mut Chain, epoch: u64, sent: &[String; 3], received: &[String; 3]) {
    for (index, (sent, received)) in (1..).zip(sent.iter().zip(received)) {
        let key = chain.send_key(epoch).unwrap();
        assert_eq!((key.index, hex::encode(key.key.expose())), (index, sent.clone()));
        assert_eq!(hex::encode(chain.recv_key(epoch, index).unwrap().expose()), *received);
    }
}

#[test]
fn the_chain_derives_its_keys() {
    let Chains { kdf, .. } = read("chain.json");
    assert!(!kdf.is_empty());
    for entry in kdf {
        for from_a in [true, false] {
            let side = direction(if from_a { "A2B" } else { "B2A" });
            let pick = |a2b, b2a| if from_a { (a2b, b2a) } else { (b2a, a2b) };
            let mut chain = Chain::start(side, &bytes(&entry.auth_key), ChainParams::default());
            check_epoch(&chain, &entry.epoch0, from_a);
            let (sent, received) = pick(&entry.epoch0_a2b_keys_1_to_3, &entry.epoch0_b2a_keys_1_to_3);
            check_keys(&mut chain, 0, sent, received);
            chain.add_epoch(1, &Secret::from_bytes(array(&entry.epoch1_secret))).unwrap();
            check_epoch(&chain, &entry.epoch1, from_a);
            let (sent, received) = pick(&entry.epoch1_a2b_keys_1_to_3, &entry.epoch1_b2a_keys_1_to_3);
            check_keys(&mut chain, 1, sent, received);
        }
    }
}

#[test]
fn the_chain_gives_each_key_once_and_within_its_limits() {
    let Chains { sequences, .. } = read("chain.json");
    assert!(!sequences.is_empty());
    for sequence in sequences {
        let params = ChainParams { max_jump: sequence.max_jump, max_ooo_keys: sequence.max_ooo_keys };
        let mut chain = Chain::start(direction(&sequence.direction), &bytes(&sequence.auth_key), params);
        for (at, op) in sequence.ops.iter().enumerate() {
            let epoch = op[1].as_u64().unwrap();
            let error = |error: SpqrError| vec![Json::from("error"), Json::from(name(error))];
            let key = |key: &Secret<32>| Json::from(hex::encode(key.expose()));
            let (outcome, expected) = match op[0].as_str().unwrap() {
                "add_epoch" => {
                    let secret = Secret::from_bytes(array(op[2].as_str().unwrap()));
                    (chain.add_epoch(epoch, &secret).err().map_or(Vec::new(), error), &op[3..])
                }
                "send_key" => match chain.send_key(epoch) {
                    Ok(sent) => (vec![Json::from(sent.index), key(&sent.key)], &op[2..]),
                    Err(refused) => (error(refused), &op[2..]),
                },
                "recv_key" => {
                    let index = op[2].as_u64().unwrap() as u32;
                    (
                        chain.recv_key(epoch, index).map_or_else(error, |received| vec![key(&received)]),
                        &op[3..],
                    )
                }
                other => panic!("operation {other}"),
            };
            assert_eq!(outcome, expected, "operation {at}: {op:?}");
        }
    }
}

#[derive(Deserialize)]
struct Authenticators {
    samples: Vec<AuthenticatorSample>,
}

#[derive(Deserialize)]
struct AuthenticatorSample {
    auth_key: String,
    initial: AuthenticatorKeys,
    macs_initial: Macs,
    update1_epoch: u64,
    update1_key: String,
    after_update1: AuthenticatorKeys,
    macs_after_update1: Macs,
    update2_epoch: u64,
    update2_key: String,
    after_update2: AuthenticatorKeys,
    macs_after_update2: Macs,
}

#[derive(Deserialize)]
struct AuthenticatorKeys {
    root_key: String,
    mac_key: String,
}

#[derive(Deserialize)]
struct Macs {
    epoch: u64,
    hdr: String,
    mac_hdr: String,
    ct: String,
    mac_ct: String,
}

fn check_macs(authenticator: &Authenticator, keys: &AuthenticatorKeys, macs: &Macs) {
    let (root_key, mac_key) = authenticator.expose();
    assert_eq!(hex::encode(root_key), keys.root_key);
    assert_eq!(hex::encode(mac_key), keys.mac_key);
    let header = Header(array(&macs.hdr));
    assert_eq!(hex::encode(authenticator.mac_header(macs.epoch, &header)), macs.mac_hdr);
    let ciphertext = bytes(&macs.ct);
    let ct1 = Ct1::from_parts(&[&ciphertext[..960]]).unwrap();
    let ct2 = ciphertext[960..].try_into().unwrap();
    assert_eq!(hex::encode(authenticator.mac_ciphertext(macs.epoch, &ct1, &ct2)), macs.mac_ct);
    let mac: [u8; 32] = array(&macs.mac_ct);
    assert_eq!(authenticator.verify_ciphertext(macs.epoch, &ct1, &ct2, &mac), Ok(()));
    let refused = authenticator.verify_ciphertext(macs.epoch + 1, &ct1, &ct2, &mac);
    assert_eq!(refused, Err(SpqrError::MacVerifyFailed));
}

#[test]
fn the_authenticator_moves_on_and_makes_its_macs() {
    let Authenticators { samples } = read("authenticator.json");
    assert!(!samples.is_empty());
    for sample in samples {
        let first = Authenticator::new(&bytes(&sample.auth_key));
        check_macs(&first, &sample.initial, &sample.macs_initial);
        let second = first.updated(sample.update1_epoch, &Secret::from_bytes(array(&sample.update1_key)));
        check_macs(&second, &sample.after_update1, &sample.macs_after_update1);
        let third = second.updated(sample.update2_epoch, &Secret::from_bytes(array(&sample.update2_key)));
        check_macs(&third, &sample.after_update2, &sample.macs_after_update2);
    }
}

#[derive(Deserialize)]
struct Kem {
    samples: Vec<KemSample>,
    ek_header_check: Vec<HeaderCheck>,
}

#[derive(Deserialize)]
struct KemSample {
    seed: String,
    header: String,
    ek_vector: String,
    encaps_randomness: String,
    ct1: String,
    ct2: String,
    shared_secret: String,
    epoch: u64,
    epoch_secret: String,
    ct2_tampered: String,
    shared_secret_tampered: String,
}

#[derive(Deserialize)]
struct HeaderCheck {
    header: String,
    ek_vector: String,
    matches: bool,
}

#[test]
fn the_key_encapsulation_agrees_in_both_its_forms() {
    let Kem { samples, ek_header_check } = read("mlkem.json");
    assert!(!samples.is_empty());
    for sample in samples {
        let pair = KeyPair::from_seed(Secret::from_bytes(array(&sample.seed))).unwrap();
        assert_eq!(hex::encode(pair.header.0), sample.header);
        assert_eq!(hex::encode(pair.ek_vector.bytes()), sample.ek_vector);

        let randomness = || Secret::from_bytes(array(&sample.encaps_randomness));
        let begun = Encapsulation::begin_with(&pair.header, randomness()).unwrap();
        assert_eq!(hex::encode(begun.ct1.bytes()), sample.ct1);
        assert_eq!(hex::encode(begun.shared_secret.expose()), sample.shared_secret);
        let secret = epoch_secret(sample.epoch, &begun.shared_secret);
        assert_eq!(hex::encode(secret.expose()), sample.epoch_secret);

        let ek = pair.header.validate(pair.ek_vector).unwrap();
        for encapsulation in [begun.encapsulation, Encapsulation::from_randomness(randomness())] {
            assert_eq!(hex::encode(encapsulation.finish(&ek)), sample.ct2);
        }
        let stored = DecapsulationKey::from_seed(Secret::from_bytes(array(&sample.seed)));
        for key in [pair.decapsulation_key, stored] {
            let shared = |ct2: &str| hex::encode(key.decapsulate(&begun.ct1, &array(ct2)).unwrap().expose());
            assert_eq!(shared(&sample.ct2), sample.shared_secret);
            assert_eq!(shared(&sample.ct2_tampered), sample.shared_secret_tampered);
        }
    }
    assert_eq!(ek_header_check.len(), 3);
    for check in ek_header_check {
        let ek_vector = Value::from_parts(&[&bytes(&check.ek_vector)]).unwrap();
        assert_eq!(Header(array(&check.header)).validate(ek_vector).is_ok(), check.matches);
    }
}

#[derive(Deserialize)]
struct Messages {
    encode: Vec<MessageFields>,
    decode: Vec<DecodedMessage>,
}

#[derive(Deserialize)]
struct MessageFields {
    epoch: String,
    index: u32,
    r#type: String,
    message: String,
    chunk_index: Option<u16>,
    chunk: Option<String>,
}

#[derive(Deserialize)]
struct DecodedMessage {
    message: String,
    note: String,
    ok: bool,
    error: Option<String>,
    epoch: Option<String>,
    index: Option<u32>,
    r#type: Option<String>,
    chunk_index: Option<u16>,
}

fn type_name(payload: &Payload) -> &'static str {
    match payload {
        Payload::None => "none",
        Payload::Hdr(_) => "hdr",
        Payload::Ek(_) => "ek",
        Payload::EkCt1Ack(_) => "ek_ct1_ack",
        Payload::Ct1Ack => "ct1_ack",
        Payload::Ct1(_) => "ct1",
        Payload::Ct2(_) => "ct2",
    }
}

fn payload(name: &str, chunk: Option<Chunk>) -> Payload {
    match (name, chunk) {
        ("none", None) => Payload::None,
        ("hdr", Some(chunk)) => Payload::Hdr(chunk),
        ("ek", Some(chunk)) => Payload::Ek(chunk),
        ("ek_ct1_ack", Some(chunk)) => Payload::EkCt1Ack(chunk),
        ("ct1_ack", None) => Payload::Ct1Ack,
        ("ct1", Some(chunk)) => Payload::Ct1(chunk),
        ("ct2", Some(chunk)) => Payload::Ct2(chunk),
        other => panic!("payload {other:?}"),
    }
}

#[test]
fn messages_encode_and_decode() {
    let Messages { encode, decode } = read("messages.json");
    assert!(!encode.is_empty() && !decode.is_empty());
    for fields in encode {
        let chunk = fields.chunk.map(|data| Chunk { index: fields.chunk_index.unwrap(), data: array(&data) });
        let epoch = fields.epoch.parse().unwrap();
        let message = Message { epoch, index: fields.index, payload: payload(&fields.r#type, chunk) };
        assert_eq!(hex::encode(message.encode()), fields.message);
        assert_eq!(Message::decode(&bytes(&fields.message)), Ok(message));
    }
    for case in decode {
        match Message::decode(&bytes(&case.message)) {
            Ok(message) => {
                assert!(case.ok, "{}", case.note);
                assert_eq!(Some(message.epoch.to_string()), case.epoch, "{}", case.note);
                assert_eq!(Some(message.index), case.index, "{}", case.note);
                assert_eq!(Some(type_name(&message.payload)), case.r#type.as_deref(), "{}", case.note);
                assert_eq!(
                    message.payload.chunk().map(|chunk| chunk.index),
                    case.chunk_index,
                    "{}",
                    case.note
                );
            }
            Err(error) => assert_eq!(Some(name(error)), case.error.as_deref(), "{}", case.note),
        }
    }
}
