//! The place of a value in a document.

use std::fmt::{self, Write};

/// A place, kept on the stack: it costs nothing until its text is made.
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
    /// The place as FHIRPath below `root`, the resource type: `Practitioner.extension[0].value.identifier`.
    ///
    /// FHIRPath names elements, not members: a form of a choice element is the element, and a companion its primitive.
    /// Below a member whose name FHIRPath cannot write, and in an array of an array, the place is what holds it.
    pub fn expression(&self, root: &str) -> String {
        let mut text = String::from(root);
        // A string takes whatever is written; the error is that of a name.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            // A member of the JSON, no element.
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
            // An array in an array is no FHIR: the place is the item of the outer one.
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

    /// The element that this member of the object is a form of: `value` for `valueString`.
    fn element<'n>(&self, name: &'n str) -> &'n str {
        // Device.property has `valueQuantity` and `valueCode`, which are elements.
        if matches!(self, Self::Index(Path::Key(_, "property"), _)) {
            return name;
        }
        let is_form_of = |choice: &&&str| name.strip_prefix(**choice).is_some_and(|form| TYPES.contains(&form));
        CHOICES.iter().find(is_form_of).map_or(name, |choice| &name[..choice.len()])
    }
}

/// The choice elements of the types that can be reached from the resources served here.
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
