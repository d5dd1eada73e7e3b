//! What headers are read from and written to.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// One header of a received request. Implemented for pairs of texts or bytes, owned or borrowed, which is what arrays,
/// vectors, maps and `http::HeaderMap` yield; the headers of other types are mapped to such pairs.
pub trait HeaderPair {
    /// The name, in any case.
    fn name(&self) -> &[u8];
    /// The value, as it arrived.
    fn value(&self) -> &[u8];
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> HeaderPair for (N, V) {
    fn name(&self) -> &[u8] {
        self.0.as_ref()
    }

    fn value(&self) -> &[u8] {
        self.1.as_ref()
    }
}

impl<H: HeaderPair + ?Sized> HeaderPair for &H {
    fn name(&self) -> &[u8] {
        (**self).name()
    }

    fn value(&self) -> &[u8] {
        (**self).value()
    }
}

/// The headers of a request that is about to be sent. Implement it for the request type of your HTTP or messaging
/// client; it is implemented for the usual collections and, with the feature `http`, for `http::HeaderMap`.
///
/// ```
/// use go_trace_context::{Context, HeaderSink, inject};
///
/// /// A message whose header names are always in lower case.
/// #[derive(Default)]
/// struct Message {
///     properties: Vec<(&'static str, String)>,
/// }
///
/// impl HeaderSink for Message {
///     fn set(&mut self, name: &'static str, value: String) {
///         self.remove(name);
///         self.properties.push((name, value));
///     }
///
///     fn remove(&mut self, name: &'static str) {
///         self.properties.retain(|(known, _)| *known != name);
///     }
/// }
///
/// let mut message = Message::default();
/// inject(&Context::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?), &mut message);
/// assert_eq!(message.properties.len(), 1);
/// # Ok::<(), go_trace_context::ParseTraceParentError>(())
/// ```
pub trait HeaderSink {
    /// Sets a header and replaces every header whose name differs in case only. `name` is in lower case, and `value` is
    /// printable ASCII.
    fn set(&mut self, name: &'static str, value: String);

    /// Removes every header of this name, whatever its case.
    fn remove(&mut self, name: &'static str);
}

impl<S: HeaderSink + ?Sized> HeaderSink for &mut S {
    fn set(&mut self, name: &'static str, value: String) {
        (**self).set(name, value);
    }

    fn remove(&mut self, name: &'static str) {
        (**self).remove(name);
    }
}

impl HeaderSink for Vec<(String, String)> {
    fn set(&mut self, name: &'static str, value: String) {
        HeaderSink::remove(self, name);
        self.push((name.into(), value));
    }

    fn remove(&mut self, name: &'static str) {
        self.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
}

impl HeaderSink for BTreeMap<String, String> {
    fn set(&mut self, name: &'static str, value: String) {
        HeaderSink::remove(self, name);
        self.insert(name.into(), value);
    }

    fn remove(&mut self, name: &'static str) {
        self.retain(|known, _| !known.eq_ignore_ascii_case(name));
    }
}

#[cfg(feature = "std")]
impl<S: std::hash::BuildHasher> HeaderSink for std::collections::HashMap<String, String, S> {
    fn set(&mut self, name: &'static str, value: String) {
        HeaderSink::remove(self, name);
        self.insert(name.into(), value);
    }

    fn remove(&mut self, name: &'static str) {
        self.retain(|known, _| !known.eq_ignore_ascii_case(name));
    }
}

#[cfg(feature = "http")]
impl HeaderSink for http::HeaderMap {
    fn set(&mut self, name: &'static str, value: String) {
        // Cannot fail: the trait promises printable ASCII.
        if let Ok(value) = http::HeaderValue::try_from(value) {
            self.insert(http::HeaderName::from_static(name), value);
        }
    }

    fn remove(&mut self, name: &'static str) {
        http::HeaderMap::remove(self, name);
    }
}
