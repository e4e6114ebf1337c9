//! The types of events.

use std::fmt;

use serde::{Serialize, Serializer};

/// What happened to a resource. One version may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    /// An account was created.
    PractitionerCreated,
    /// An account has a new version.
    PractitionerUpdated,
    /// An account became active, or was created active.
    PractitionerEnabled,
    /// An account became inactive.
    PractitionerDisabled,
    /// An account holds other identifiers than before.
    PractitionerIdentifiersChanged,
    /// An appointment was created.
    AppointmentCreated,
    /// An appointment has a new version.
    AppointmentUpdated,
    /// The status of an appointment became `cancelled`.
    AppointmentCancelled,
}

impl EventType {
    /// All of them; those of one version are listed in this order.
    pub const ALL: [Self; 8] = [
        Self::PractitionerCreated,
        Self::PractitionerUpdated,
        Self::PractitionerEnabled,
        Self::PractitionerDisabled,
        Self::PractitionerIdentifiersChanged,
        Self::AppointmentCreated,
        Self::AppointmentUpdated,
        Self::AppointmentCancelled,
    ];

    /// The name in events and filters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PractitionerCreated => "practitioner.created",
            Self::PractitionerUpdated => "practitioner.updated",
            Self::PractitionerEnabled => "practitioner.enabled",
            Self::PractitionerDisabled => "practitioner.disabled",
            Self::PractitionerIdentifiersChanged => "practitioner.identifiers-changed",
            Self::AppointmentCreated => "appointment.created",
            Self::AppointmentUpdated => "appointment.updated",
            Self::AppointmentCancelled => "appointment.cancelled",
        }
    }

    /// The type with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event_type| event_type.as_str() == name)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
