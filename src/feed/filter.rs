//! Which events a reader wants.

use super::event_type::EventType;

/// A set of event types, as a reader names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFilter(Vec<EventType>);

impl EventFilter {
    /// All events.
    pub fn all() -> Self {
        Self(EventType::ALL.to_vec())
    }

    /// Parses names, each of which may end with `*`, which stands for any rest. `Err` is the first that names no event.
    ///
    /// # Errors
    /// The pattern that matches no event type.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut types = vec![];
        for pattern in patterns {
            let matches = |event_type: &EventType| match pattern.strip_suffix('*') {
                Some(start) => event_type.as_str().starts_with(start),
                None => event_type.as_str() == pattern,
            };
            let before = types.len();
            types.extend(EventType::ALL.into_iter().filter(matches));
            if types.len() == before {
                return Err(pattern);
            }
        }
        Ok(Self(types))
    }

    /// Whether a reader wants an event of these types.
    pub fn matches(&self, types: &[EventType]) -> bool {
        types.iter().any(|event_type| self.0.contains(event_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_filter_names_and_stars_select_types() {
        use EventType as T;
        for (patterns, selected) in [
            (&["*"][..], &T::ALL[..]),
            (&["appointment.*"], &[T::AppointmentCreated, T::AppointmentUpdated, T::AppointmentCancelled]),
            (&["practitioner.enabled", "practitioner.dis*"], &[T::PractitionerEnabled, T::PractitionerDisabled]),
        ] {
            let filter = EventFilter::parse(patterns.iter().copied()).expect("patterns");
            for event_type in T::ALL {
                assert_eq!(filter.matches(&[event_type]), selected.contains(&event_type), "{patterns:?} {event_type}");
            }
        }
    }

    #[test]
    fn event_filter_unknown_name_is_refused() {
        for pattern in ["", "patient.*", "practitioner", "Practitioner.created", "*.created", "practitioner.*d"] {
            assert_eq!(EventFilter::parse(["appointment.*", pattern]), Err(pattern));
        }
    }
}
