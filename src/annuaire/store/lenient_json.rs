//! Deserialises the indexed elements of a resource in one pass over its text, and skips everything else. A load spends
//! most of its time here.
//!
//! A value of another JSON type than expected counts as absent: one malformed element must not lose the resource. No
//! type here contains itself, so that nested text cannot overflow the stack.

mod elements;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub use elements::*;

/// Makes a value from JSON, by JSON type. The default methods are for types that are not expected.
pub trait FromJsonType<'de>: Default {
    fn from_string(_: Cow<'de, str>) -> Self {
        Self::default()
    }

    fn from_bool(_: bool) -> Self {
        Self::default()
    }

    fn from_array<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    /// Objects and numbers: `arbitrary_precision` makes a number an object with one private member.
    fn from_object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

/// A value that is the default where the JSON has another type than expected.
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

pub type Text<'a> = OrDefault<Option<Cow<'a, str>>>;
pub type Flag = OrDefault<Option<bool>>;
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
