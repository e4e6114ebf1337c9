//! The elements that are indexed, read in one pass over the text of a resource; everything else is
//! only stepped over. This is where loading a directory spends its time.
//!
//! Whatever has another JSON type than expected counts as absent: a resource is not lost for an
//! element that nobody searches by. No type here contains itself, so that no depth of nesting in the
//! text becomes depth of the stack.

mod elements;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub use elements::*;

/// What a JSON value means, by its type; where a type is not expected, nothing.
pub trait FromJsonType<'de>: Default {
    /// A string.
    fn from_string(_: Cow<'de, str>) -> Self {
        Self::default()
    }

    /// A boolean.
    fn from_bool(_: bool) -> Self {
        Self::default()
    }

    /// An array.
    fn from_array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    /// An object. A number too arrives as one, of a single member of a private name.
    fn from_object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

/// A value that may have any JSON type.
#[derive(Debug, Default)]
pub struct OrDefault<T>(pub T);

impl<T> Deref for OrDefault<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: FromJsonType<'de>> Deserialize<'de> for OrDefault<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData)).map(Self)
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: FromJsonType<'de>> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<T, E> {
        Ok(T::from_bool(flag))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
        Ok(T::from_string(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok(T::from_string(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        T::from_array(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::from_object(members)
    }
}

/// A string.
pub type Text<'a> = OrDefault<Option<Cow<'a, str>>>;
/// A boolean.
pub type Flag = OrDefault<Option<bool>>;
/// An array.
pub type List<T> = OrDefault<Vec<T>>;

impl<'de> FromJsonType<'de> for Option<Cow<'de, str>> {
    fn from_string(text: Cow<'de, str>) -> Self {
        Some(text)
    }
}

impl FromJsonType<'_> for Option<bool> {
    fn from_bool(flag: bool) -> Self {
        Some(flag)
    }
}

impl<'de, T: FromJsonType<'de>> FromJsonType<'de> for Vec<T> {
    fn from_array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut list = Self::new();
        while let Some(item) = items.next_element::<OrDefault<T>>()? {
            list.push(item.0);
        }
        Ok(list)
    }
}
