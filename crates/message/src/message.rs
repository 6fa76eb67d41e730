//! One message: payload, metadata, error flag, and where it came from.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
// Unlike the one of `std`, it is made full without a call of its initialization.
use once_cell::sync::OnceCell;
use smallvec::SmallVec;

use crate::{Context, Error, Fault, JsonError, Metadata, Origin, Value};

/// One message on its way through a pipeline.
///
/// The payload is held as bytes, as a [`Value`], or as both: each form is made once, when it is
/// first asked for. Bytes that nobody parsed go out exactly as they came in.
///
/// Cloning copies the payload by reference and opens further handles on the origin.
#[derive(Clone, Default)]
pub struct Message {
    bytes: OnceCell<Bytes>,
    value: OnceCell<Result<Value, JsonError>>,
    /// Names and values beside the payload.
    pub metadata: Metadata,
    fault: Option<Arc<Fault>>,
    context: Option<Arc<Context>>,
    origin: Origin,
    place: u32,
}

impl Message {
    /// Roughly how many bytes of memory a message costs beside its payload: itself, its transaction, and
    /// the copy that is kept to send it again.
    pub const OVERHEAD: usize = 512;

    /// A message of raw bytes, detached from any source.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: OnceCell::with_value(bytes.into()),
            ..Self::default()
        }
    }

    /// A message of raw bytes whose value is those bytes, even when they look like JSON.
    pub fn from_raw(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            bytes: OnceCell::with_value(bytes.clone()),
            value: OnceCell::with_value(Ok(Value::from(bytes))),
            ..Self::default()
        }
    }

    /// A message of a structured value, detached from any source.
    pub fn from_value(value: Value) -> Self {
        Self {
            value: OnceCell::with_value(Ok(value)),
            ..Self::default()
        }
    }

    /// The payload as bytes; a structured value is printed as JSON once.
    pub fn bytes(&self) -> &Bytes {
        self.bytes.get_or_init(|| match self.value.get() {
            Some(Ok(value)) => value.to_json(),
            _ => Bytes::new(),
        })
    }

    /// Appends the payload to `out`. A structured value is printed straight into it, and the text
    /// is not kept: right where the payload is read for the last time.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match (self.bytes.get(), self.parsed()) {
            (None, Some(value)) => value.write_json(out),
            _ => out.extend_from_slice(self.bytes()),
        }
    }

    /// The payload as a value; bytes are parsed as JSON once.
    ///
    /// # Errors
    /// The place and reason when the payload is not one JSON document.
    pub fn value(&self) -> Result<&Value, &JsonError> {
        self.value
            .get_or_init(|| Value::parse_json(self.bytes().clone()))
            .as_ref()
    }

    /// The payload as a value, for components that need one.
    ///
    /// # Errors
    /// As [`Message::value`], worded as what is wrong with the message.
    pub fn json(&self) -> Result<&Value, Error> {
        self.value()
            .map_err(|error| Error::rejected(format!("the payload is no JSON: {error}")))
    }

    /// The payload as a value when it is held in that form already.
    pub fn parsed(&self) -> Option<&Value> {
        self.value.get().and_then(|value| value.as_ref().ok())
    }

    /// Takes the value out so that it can be changed in place, leaving the message empty.
    ///
    /// # Errors
    /// As [`Message::value`]; the payload is untouched then.
    pub fn take_value(&mut self) -> Result<Value, JsonError> {
        self.value().map_err(Clone::clone)?;
        self.bytes = OnceCell::new();
        self.value.take().unwrap_or(Ok(Value::Null))
    }

    /// Replaces the payload by bytes.
    pub fn set_bytes(&mut self, bytes: impl Into<Bytes>) {
        self.bytes = OnceCell::with_value(bytes.into());
        self.value = OnceCell::new();
    }

    /// Replaces the payload by a value.
    pub fn set_value(&mut self, value: Value) {
        self.bytes = OnceCell::new();
        self.value = OnceCell::with_value(Ok(value));
    }

    /// Lets go of the payload: nobody reads it any more.
    pub fn forget_payload(&mut self) {
        self.bytes = OnceCell::new();
        self.value = OnceCell::new();
    }

    /// Roughly how many bytes of memory the payload holds, for the byte budget.
    pub fn size(&self) -> usize {
        self.bytes.get().map_or(0, Bytes::len)
    }

    /// Why a processor failed on this message, when one did.
    pub fn fault(&self) -> Option<&Arc<Fault>> {
        self.fault.as_ref()
    }

    /// Flags the message as failed; an earlier flag is replaced.
    pub fn set_fault(&mut self, fault: impl Into<Arc<Fault>>) {
        self.fault = Some(fault.into());
    }

    /// Takes the failure flag away.
    pub fn clear_fault(&mut self) -> Option<Arc<Fault>> {
        self.fault.take()
    }

    /// What travels with every descendant of the source message.
    pub fn context(&self) -> Option<&Arc<Context>> {
        self.context.as_ref()
    }

    /// Sets what travels with every descendant.
    pub fn set_context(&mut self, context: Option<Arc<Context>>) {
        self.context = context;
    }

    /// The handles on the source messages it descends from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Gives the message its origin; the handles of an earlier one fail.
    pub fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    /// Takes the origin out, leaving the message detached.
    #[must_use]
    pub fn take_origin(&mut self) -> Origin {
        std::mem::take(&mut self.origin)
    }

    /// A copy that no source waits for: payload, metadata, error flag and context.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            value: self.value.clone(),
            metadata: self.metadata.clone(),
            fault: self.fault.clone(),
            context: self.context.clone(),
            origin: Origin::Detached,
            place: self.place,
        }
    }

    /// The tag that [`Message::swap_place`] left; 0 by default. Copies and what is split off
    /// carry it too.
    pub fn place(&self) -> u32 {
        self.place
    }

    /// Tags the message with its place in a batch, so that a composite can restore the order of
    /// what its children filtered or split; returns the earlier tag. Who tags a message gives it
    /// the earlier tag back afterwards, since composites nest.
    pub fn swap_place(&mut self, place: u32) -> u32 {
        std::mem::replace(&mut self.place, place)
    }

    /// The message is accepted: settles its origin.
    pub fn deliver(self) {
        self.origin.deliver();
    }

    /// The message is removed on purpose by the component of type `by`; it is detached after it.
    pub fn filter(&mut self, by: &Arc<str>) {
        self.take_origin()
            .settle(crate::Outcome::Filtered { by: Arc::clone(by) });
    }

    /// The message ends where nobody reads it.
    pub fn drop_because(self, reason: impl Into<Arc<str>>) {
        self.origin.settle(crate::Outcome::Dropped {
            reason: reason.into(),
        });
    }

    /// The message cannot be delivered.
    pub fn fail(self, error: Error) {
        self.origin.fail(error);
    }
}

/// Leaves payloads as bytes alone. Those that are held as values are printed, all into one buffer
/// that these messages share: one allocation for all of them, and what their values were made of
/// is freed here, on the thread that made it.
pub fn print_together<'a>(messages: impl Iterator<Item = &'a mut Message>) {
    let mut printed = Vec::new();
    let mut values: SmallVec<[(&mut Message, usize); 64]> = SmallVec::new();
    for message in messages {
        if message.bytes.get().is_none() {
            message.write_to(&mut printed);
            values.push((message, printed.len()));
        } else {
            message.value = OnceCell::new();
        }
    }
    let printed = Bytes::from(printed);
    let mut begin = 0;
    for (message, end) in values {
        message.set_bytes(printed.slice(begin..end));
        begin = end;
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("payload", &String::from_utf8_lossy(self.bytes()))
            .field("metadata", &self.metadata)
            .field("fault", &self.fault)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::from_bytes(Bytes::copy_from_slice(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_bytes_go_out_as_they_came_in() {
        let message = Message::from("{ \"b\": 1,\n \"a\": 1.0 }");
        assert!(message.value().is_ok());
        assert_eq!(&message.bytes()[..], b"{ \"b\": 1,\n \"a\": 1.0 }");
    }

    #[test]
    fn a_new_value_replaces_the_bytes() {
        let mut message = Message::from("old");
        message.set_value(Value::Bool(true));
        assert_eq!(&message.bytes()[..], b"true");
    }

    #[test]
    fn what_is_written_is_the_payload_in_either_form() {
        let mut message = Message::from("{ \"a\": 1.0 }");
        assert!(message.value().is_ok());
        let written = |message: &Message| {
            let mut out = b"before ".to_vec();
            message.write_to(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(&message), "before { \"a\": 1.0 }");
        let value = message.take_value().unwrap();
        message.set_value(value);
        assert_eq!(written(&message), "before {\"a\":1.0}");
        assert_eq!(written(&Message::default()), "before ");
    }

    #[test]
    fn payloads_that_are_printed_together_are_what_each_was() {
        let value = |json: &'static str| Value::parse_json(Bytes::from_static(json.as_bytes()));
        let mut messages = [
            Message::from_value(value("{\"b\":1, \"a\":2}").unwrap()),
            Message::from("not json"),
            Message::default(),
            Message::from_value(value("[1.0]").unwrap()),
        ];
        assert!(messages[1].value().is_err());
        print_together(messages.iter_mut());
        let payloads: Vec<_> = messages.iter().map(|it| &it.bytes()[..]).collect();
        assert_eq!(
            payloads,
            [&b"{\"a\":2,\"b\":1}"[..], b"not json", b"", b"[1.0]"]
        );
        assert!(messages.iter().all(|it| it.parsed().is_none()));
    }

    #[test]
    fn a_payload_that_is_not_json_is_an_error_and_stays() {
        let mut message = Message::from("not json");
        assert!(message.take_value().is_err());
        assert_eq!(&message.bytes()[..], b"not json");
    }
}
