//! Lines to requests, answers to lines, and the types of arguments.
//!
//! Arguments stay text until a command asks for them, so that nothing about one argument depends on another, and an `id`
//! goes back exactly as it came.
//!
//! Not its concern: whether a well-typed value makes sense.
//!
//! Spec: interop 1 Transport, 2 Types.

use std::collections::BTreeMap;

use khaima_signal::{AddressError, DeviceId, DistributionId, MessageType, ProtocolAddress, Timestamp};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::failure::Failure;

/// What a command gives: an object of results, or why there are none.
pub type Answer = Result<Value, Failure>;

/// The largest integer that every driver can write: 53 bits.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// One line that is a JSON object.
pub struct Request<'a> {
    fields: BTreeMap<String, &'a RawValue>,
}

impl<'a> Request<'a> {
    /// `None` for a line that is anything else.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        serde_json::from_str(text).ok().map(|fields| Self { fields })
    }

    /// The id, whatever it is.
    pub fn id(&self) -> Option<&'a RawValue> {
        self.fields.get("id").copied()
    }

    /// The command and its arguments.
    pub fn command(&self) -> Result<(String, Arguments<'a>), Failure> {
        let arguments = Arguments { fields: self.fields.clone() };
        Ok((arguments.get("cmd")?, arguments))
    }
}

/// The response line, without its end.
pub fn respond(id: Option<&RawValue>, answer: Answer) -> String {
    let (ok, results) = match answer {
        Ok(Value::Object(results)) => (true, results),
        // No results beyond `ok`.
        Ok(_) => (true, Map::new()),
        Err(Failure { class, detail }) => {
            let class = ("error".to_owned(), Value::from(class));
            (false, Map::from_iter([class, ("detail".to_owned(), Value::from(detail))]))
        }
    };
    #[expect(clippy::expect_used, reason = "strings, numbers and what was parsed as JSON before")]
    serde_json::to_string(&Response { id, ok, results }).expect("a response is JSON")
}

#[derive(Serialize)]
struct Response<'a> {
    id: Option<&'a RawValue>,
    ok: bool,
    #[serde(flatten)]
    results: Map<String, Value>,
}

/// The fields of a JSON object, unread.
#[derive(Debug)]
pub struct Arguments<'a> {
    fields: BTreeMap<String, &'a RawValue>,
}

impl<'a> Arguments<'a> {
    /// An argument that has to be there.
    pub fn get<T: Argument<'a>>(&self, name: &str) -> Result<T, Failure> {
        self.optional(name)?.ok_or_else(|| Failure::bad_request(format!("the argument '{name}' is missing")))
    }

    /// An argument that may be left out. To be `null` is something else.
    pub fn optional<T: Argument<'a>>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.fields.get(name) else {
            return Ok(None);
        };
        let value = T::read(text).ok_or_else(|| {
            Failure::bad_request(format!("the argument '{name}' is not of the type it has to be"))
        })?;
        Ok(Some(value))
    }

    /// Bytes.
    pub fn hex(&self, name: &str) -> Result<Vec<u8>, Failure> {
        self.get(name).map(|Hex(bytes)| bytes)
    }

    /// Bytes or `null`.
    pub fn hex_or_null(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.get::<Option<Hex>>(name)?.map(|Hex(bytes)| bytes))
    }

    /// The type of a message, one of these.
    pub fn message_type(&self, listed: &[MessageType]) -> Result<MessageType, Failure> {
        MessageType::from_number(self.get("type")?)
            .filter(|message_type| listed.contains(message_type))
            .ok_or_else(|| Failure::bad_request("the argument 'type' is none that this command lists"))
    }

    /// The peer's address.
    pub fn address(&self) -> Result<Address, Failure> {
        Ok(Address { name: self.get("name")?, device: self.get("device")? })
    }

    /// The point in time to act at.
    pub fn now(&self) -> Result<Timestamp, Failure> {
        Ok(self.optional("now_ms")?.map_or_else(real_time, Timestamp::from_millis))
    }
}

/// A type of argument.
pub trait Argument<'a>: Sized {
    /// `None` when the text is of another type.
    fn read(text: &'a RawValue) -> Option<Self>;
}

impl Argument<'_> for String {
    fn read(text: &RawValue) -> Option<Self> {
        serde_json::from_str(text.get()).ok()
    }
}

impl Argument<'_> for bool {
    fn read(text: &RawValue) -> Option<Self> {
        serde_json::from_str(text.get()).ok()
    }
}

impl Argument<'_> for u64 {
    fn read(text: &RawValue) -> Option<Self> {
        serde_json::from_str(text.get()).ok().filter(|integer| *integer <= MAX_INTEGER)
    }
}

impl Argument<'_> for u32 {
    fn read(text: &RawValue) -> Option<Self> {
        serde_json::from_str(text.get()).ok()
    }
}

/// Bytes, written as hex.
pub struct Hex(pub Vec<u8>);

impl Argument<'_> for Hex {
    fn read(text: &RawValue) -> Option<Self> {
        let digits: String = serde_json::from_str(text.get()).ok()?;
        hex::decode(digits).ok().map(Self)
    }
}

impl Argument<'_> for DistributionId {
    fn read(text: &RawValue) -> Option<Self> {
        String::read(text)?.parse().ok()
    }
}

impl<'a, T: Argument<'a>> Argument<'a> for Option<T> {
    fn read(text: &'a RawValue) -> Option<Self> {
        if text.get() == "null" { Some(None) } else { T::read(text).map(Some) }
    }
}

impl<'a, T: Argument<'a>> Argument<'a> for Vec<T> {
    fn read(text: &'a RawValue) -> Option<Self> {
        let entries: Vec<&'a RawValue> = serde_json::from_str(text.get()).ok()?;
        entries.into_iter().map(T::read).collect()
    }
}

impl<'a> Argument<'a> for Arguments<'a> {
    fn read(text: &'a RawValue) -> Option<Self> {
        serde_json::from_str(text.get()).ok().map(|fields| Self { fields })
    }
}

/// A name and any number: what becomes a [`ProtocolAddress`] once all arguments have been read.
pub struct Address {
    pub name: String,
    pub device: u64,
}

impl Address {
    pub fn checked(self) -> Result<ProtocolAddress, AddressError> {
        Ok(ProtocolAddress::new(self.name, device_id(self.device)?))
    }
}

impl Argument<'_> for Address {
    fn read(text: &RawValue) -> Option<Self> {
        Arguments::read(text)?.address().ok()
    }
}

/// The device of an address.
pub fn device_id(number: u64) -> Result<DeviceId, AddressError> {
    u32::try_from(number).map_err(|_| AddressError::InvalidProtocolAddress).and_then(DeviceId::try_from)
}

/// The operating system's random source.
pub fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

fn real_time() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
