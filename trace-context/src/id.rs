//! The ids of a trace and of a span: W3C Trace Context level 2, sections "trace-id" and "parent-id".

use core::fmt;
use core::num::{NonZeroU64, NonZeroU128};
use core::str::FromStr;

use crate::hex;

/// An id of a fixed number of bytes that are never all zero.
macro_rules! id {
    (
        $(#[$about:meta])*
        $id:ident: $bytes:literal bytes, $digits:literal digits,
        $number:ident ($from_number:ident, $as_number:ident, $non_zero:ident)
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $id(pub(crate) [u8; $bytes]);

        impl $id {
            /// The id of these bytes in network order; `None` for the forbidden all-zero id.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Option<Self> {
                if $number::from_be_bytes(bytes) == 0 { None } else { Some(Self(bytes)) }
            }

            /// The id whose big-endian value is this number; `None` for 0.
            pub const fn $from_number(value: $number) -> Option<Self> {
                Self::from_bytes(value.to_be_bytes())
            }

            #[doc = concat!("Reads exactly ", $digits, " lower-case hexadecimal digits ([rule T1](crate#the-rules)).")]
            ///
            /// # Errors
            /// [`ParseIdError`] for any other length, any other byte, and the all-zero id.
            pub const fn from_hex(text: &[u8]) -> Result<Self, ParseIdError> {
                match decode(text) {
                    Ok(bytes) => match Self::from_bytes(bytes) {
                        Some(id) => Ok(id),
                        None => Err(ParseIdError::Zero),
                    },
                    Err(error) => Err(error),
                }
            }

            /// The bytes in network order, as OTLP carries them.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// The bytes in network order, as OTLP carries them.
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// The id as a big-endian number.
            pub const fn $as_number(self) -> $number {
                $number::from_be_bytes(self.0)
            }
        }

        /// Infallible, for ids made from a hash or a random number whose zero the caller has already dealt with.
        impl From<$non_zero> for $id {
            fn from(value: $non_zero) -> Self {
                Self(value.get().to_be_bytes())
            }
        }

        impl FromStr for $id {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Self::from_hex(text.as_bytes())
            }
        }

        #[doc = concat!("The ", $digits, " lower-case hexadecimal digits.")]
        impl fmt::Display for $id {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex::write(&self.0, formatter)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($id), "({})"), self)
            }
        }
    };
}

id! {
    /// The 16 bytes that name a whole trace. Never all zero: the specification forbids that value, so
    /// `Option<TraceId>` is how an absent id is spelled.
    ///
    /// Its text is 32 lower-case hexadecimal digits; upper-case ones are refused, as the specification demands ([rule T1](crate#the-rules)).
    ///
    /// ```
    /// use go_trace_context::TraceId;
    ///
    /// let id: TraceId = "0af7651916cd43dd8448eb211c80319c".parse()?;
    /// assert_eq!(id.as_bytes()[0], 0x0a);
    /// assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    /// assert_eq!(TraceId::from_bytes([0; 16]), None);
    ///
    /// const KNOWN: TraceId = match TraceId::from_hex(b"0af7651916cd43dd8448eb211c80319c") {
    ///     Ok(id) => id,
    ///     Err(_) => panic!("not a trace id"),
    /// };
    /// assert_eq!(KNOWN.as_u128(), 0x0af7651916cd43dd8448eb211c80319c);
    /// # Ok::<(), go_trace_context::ParseIdError>(())
    /// ```
    TraceId: 16 bytes, 32 digits, u128 (from_u128, as_u128, NonZeroU128)
}

id! {
    /// The 8 bytes that name one span within its trace (the specification's "parent-id"). Never all zero: the
    /// specification forbids that value, so `Option<SpanId>` is how an absent id is spelled.
    ///
    /// Its text is 16 lower-case hexadecimal digits ([rule T1](crate#the-rules)).
    ///
    /// ```
    /// use go_trace_context::SpanId;
    ///
    /// let id: SpanId = "b7ad6b7169203331".parse()?;
    /// assert_eq!(id.as_u64(), 0xb7ad_6b71_6920_3331);
    /// assert_eq!(SpanId::from_u64(0), None);
    /// # Ok::<(), go_trace_context::ParseIdError>(())
    /// ```
    SpanId: 8 bytes, 16 digits, u64 (from_u64, as_u64, NonZeroU64)
}

const fn decode<const N: usize>(text: &[u8]) -> Result<[u8; N], ParseIdError> {
    if text.len() != 2 * N {
        return Err(ParseIdError::Length { expected: 2 * N, found: text.len() });
    }
    match hex::decode(text, 0) {
        Ok(bytes) => Ok(bytes),
        Err(offset) => Err(ParseIdError::NotHex { offset }),
    }
}

/// Why a text is not an id; offsets count bytes from the start of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseIdError {
    /// A trace id has 32 digits, a span id 16.
    Length {
        /// How many bytes there have to be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The byte at `offset` is not one of `0`–`9`, `a`–`f`.
    NotHex {
        /// Where the first wrong byte is.
        offset: usize,
    },
    /// All digits are zero, which the specification forbids.
    Zero,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(
                    formatter,
                    "an id of {expected} hexadecimal digits was expected, but the text has {found} bytes"
                )
            }
            Self::NotHex { offset } => {
                write!(formatter, "byte {offset} of the id is not a lower-case hexadecimal digit (0-9, a-f)")
            }
            Self::Zero => formatter.write_str("the id is all zeros, which W3C Trace Context forbids"),
        }
    }
}

impl core::error::Error for ParseIdError {}
