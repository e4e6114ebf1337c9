//! The path of a value in a document.

use std::fmt::{self, Write};

use crate::issue::{Issue, Rule};

/// A path as a linked list on the stack: building the expression is the only cost.
#[derive(Clone, Copy)]
pub enum Path<'a> {
    /// The document itself.
    Root,
    /// A member of an object.
    Key(&'a Path<'a>, &'a str),
    /// An item of an array.
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The violation of a rule by this value.
    pub fn issue(&self, rule: &'static Rule, root: &str) -> Issue {
        Issue::new(rule, self.expression(root)).at_pointer(self.pointer())
    }

    /// The path as a JSON Pointer: `/extension/0/valueReference/identifier`. <https://www.rfc-editor.org/rfc/rfc6901>
    pub fn pointer(&self) -> String {
        let mut text = match self {
            Self::Root => return String::new(),
            Self::Key(parent, _) | Self::Index(parent, _) => parent.pointer(),
        };
        text.push('/');
        match self {
            Self::Root => {}
            Self::Key(_, key) => text.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Self::Index(_, index) => text.push_str(&index.to_string()),
        }
        text
    }

    /// The path as FHIRPath below `root`, the resource type: `Practitioner.extension[0].value.identifier`.
    ///
    /// FHIRPath names elements, not members: `valueString` is the element `value`, and a companion `_family` its primitive.
    /// Below a member whose name FHIRPath cannot express, and in an array within an array, the path is that of the parent.
    pub fn expression(&self, root: &str) -> String {
        let mut text = String::from(root);
        // Writing to a string cannot fail; an error is that of a name.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            // A member of the JSON that is not an element.
            Self::Key(parent, "resourceType") => parent.write(text),
            Self::Key(parent, key) => {
                parent.write(text)?;
                let name = key.strip_prefix('_').unwrap_or(key);
                let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
                if !is_name {
                    return Err(fmt::Error);
                }
                write!(text, ".{}", parent.element(name))
            }
            // FHIR has no array within an array: the path is that of the outer item.
            Self::Index(parent @ Self::Index(..), _) => {
                parent.write(text)?;
                Err(fmt::Error)
            }
            Self::Index(parent, index) => {
                parent.write(text)?;
                write!(text, "[{index}]")
            }
        }
    }

    /// The choice element of which this member is a form: `value` for `valueString`.
    fn element<'n>(&self, name: &'n str) -> &'n str {
        // In Device.property, `valueQuantity` and `valueCode` are elements, not forms.
        if matches!(self, Self::Index(Path::Key(_, "property"), _)) {
            return name;
        }
        choice_of(name).unwrap_or(name)
    }
}

/// The choice element of which a member of this name is a form, if it is one.
pub(super) fn choice_of(name: &str) -> Option<&'static str> {
    let is_form_of = |choice: &&str| name.strip_prefix(choice).is_some_and(|form| TYPES.contains(&form));
    CHOICES.into_iter().find(is_form_of)
}

/// The choice elements of the types that occur in the supported resources.
const CHOICES: [&str; 8] = ["value", "author", "asNeeded", "subject", "timing", "bounds", "dose", "rate"];

/// The types that a choice element may have: <http://hl7.org/fhir/R4/datatypes.html#open>
#[rustfmt::skip]
const TYPES: [&str; 50] = [
    "Base64Binary", "Boolean", "Canonical", "Code", "Date", "DateTime", "Decimal", "Id", "Instant", "Integer", "Markdown",
    "Oid", "PositiveInt", "String", "Time", "UnsignedInt", "Uri", "Url", "Uuid", "Address", "Age", "Annotation",
    "Attachment", "CodeableConcept", "Coding", "ContactPoint", "Count", "Distance", "Duration", "HumanName", "Identifier",
    "Money", "Period", "Quantity", "Range", "Ratio", "Reference", "SampledData", "Signature", "Timing", "ContactDetail",
    "Contributor", "DataRequirement", "Expression", "ParameterDefinition", "RelatedArtifact", "TriggerDefinition",
    "UsageContext", "Dosage", "Meta",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_pointer_is_a_json_pointer() {
        assert_eq!(Path::Root.pointer(), "");
        let extension = Path::Key(&Path::Root, "extension");
        let first = Path::Index(&extension, 10);
        assert_eq!(Path::Key(&first, "_valueString").pointer(), "/extension/10/_valueString");
        assert_eq!(Path::Key(&Path::Key(&Path::Root, "a/~1"), "").pointer(), "/a~1~01/");
    }

    #[test]
    fn path_expression_is_fhirpath() {
        let extension = Path::Key(&Path::Root, "extension");
        let first = Path::Index(&extension, 0);
        let value = Path::Key(&first, "valueReference");
        assert_eq!(Path::Key(&value, "identifier").expression("A"), "A.extension[0].value.identifier");
        for (key, expected) in [
            ("_family", "A.family"),
            ("_valueString", "A.value"),
            ("valueMeta", "A.value"),
            ("valueSet", "A.valueSet"),
            ("authorReference", "A.author"),
            ("asNeededBoolean", "A.asNeeded"),
            ("doseQuantity", "A.dose"),
            ("value", "A.value"),
            ("a b", "A"),
            ("é", "A"),
            ("_", "A"),
            ("1", "A"),
            ("a.b", "A"),
            ("resourceType", "A"),
        ] {
            assert_eq!(Path::Key(&Path::Root, key).expression("A"), expected, "{key}");
        }
        let illegal = Path::Key(&Path::Root, "a b");
        assert_eq!(Path::Key(&illegal, "c").expression("A"), "A");
        assert_eq!(Path::Key(&Path::Index(&first, 1), "c").expression("A"), "A.extension[0]");
        let property = Path::Key(&Path::Root, "property");
        assert_eq!(Path::Key(&Path::Index(&property, 1), "valueCode").expression("A"), "A.property[1].valueCode");
    }
}
