//! Compiles a schema to [`Failures`].

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::{Failures, Schema, Step};
use crate::issue::catalogue;
use crate::profile::issue::RULE;
use crate::profile::keyword;

/// The order in which failures of one schema are reported: cheap keywords first, as in `jsonschema`; custom ones last.
const ORDER: [&str; 19] = [
    "type",
    "const",
    "enum",
    "minimum",
    "maximum",
    "maxLength",
    "maxItems",
    "required",
    "pattern",
    "format",
    "properties",
    "items",
    "contains",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "$ref",
];

/// Compiles a schema to [`Failures`].
pub struct Compiler<'a> {
    document: &'a Value,
    build: &'a mut dyn FnMut(Value) -> Result<Arc<Validator>, String>,
    schemas: Vec<Schema>,
    definitions: HashMap<String, usize>,
}

impl<'a> Compiler<'a> {
    /// Compiles the schema `document`; `build` compiles a schema with a single keyword.
    pub fn compile(
        document: &'a Value,
        build: &'a mut dyn FnMut(Value) -> Result<Arc<Validator>, String>,
    ) -> Result<Failures, String> {
        let mut compiler = Self { document, build, schemas: vec![], definitions: HashMap::new() };
        compiler.add(document)?;
        Ok(Failures { schemas: compiler.schemas })
    }

    fn add(&mut self, schema: &Value) -> Result<usize, String> {
        let number = self.schemas.len();
        self.schemas.push(Schema::default());
        self.fill(number, schema)?;
        Ok(number)
    }

    fn fill(&mut self, number: usize, schema: &Value) -> Result<(), String> {
        let keywords = schema.as_object().ok_or("a schema is not an object")?;
        let rule = keywords.get(RULE).and_then(Value::as_str).and_then(catalogue::find);
        let mut in_order: Vec<_> = keywords.iter().collect();
        in_order.sort_by_key(|(keyword, _)| ORDER.iter().position(|other| other == keyword).unwrap_or(ORDER.len()));
        let steps = in_order.into_iter().filter_map(|(keyword, value)| self.step(keywords, keyword, value).transpose());
        let steps = steps.collect::<Result<_, _>>()?;
        self.schemas[number] = Schema { rule, steps };
        Ok(())
    }

    fn step(&mut self, parent: &Map<String, Value>, keyword: &str, value: &Value) -> Result<Option<Step>, String> {
        let is_closed = parent.contains_key("additionalProperties");
        if let Some(check) = keyword::find(keyword, value) {
            return Ok(Some(Step::Own(check)));
        }
        Ok(Some(match keyword {
            "$schema" | "$id" | "title" | "$comment" | "$defs" | RULE => return Ok(None),
            // Handled with `contains`, `if` and `additionalProperties`.
            "minContains" | "maxContains" | "then" => return Ok(None),
            "properties" => Step::Members { known: self.members(value)?, is_closed },
            "additionalProperties" if *value == false && parent.contains_key("properties") => return Ok(None),
            "items" => Step::Items(self.add(value)?),
            "allOf" => {
                let all = value.as_array().into_iter().flatten();
                Step::All(all.map(|schema| self.add(schema)).collect::<Result<_, _>>()?)
            }
            "if" => Step::Then { condition: self.validator(value.clone())?, then: self.add(&parent["then"])? },
            "$ref" => self.definition(value)?,
            "required" => Step::Required(serde_json::from_value(value.clone()).map_err(|error| error.to_string())?),
            "else" | "additionalProperties" | "patternProperties" | "prefixItems" | "dependentSchemas" => {
                return Err(format!("{keyword} is not followed"));
            }
            _ => {
                let with =
                    if keyword == "contains" { &["contains", "minContains", "maxContains"][..] } else { &[keyword] };
                let assertion = with.iter().filter_map(|name| Some(((*name).to_owned(), parent.get(*name)?.clone())));
                let validator = self.validator(Value::Object(assertion.collect()))?;
                Step::Assert { keyword: keyword.to_owned(), value: value.clone(), validator }
            }
        }))
    }

    fn members(&mut self, properties: &Value) -> Result<HashMap<String, usize>, String> {
        let properties = properties.as_object().ok_or("properties is not an object")?;
        properties.iter().map(|(name, schema)| Ok((name.clone(), self.add(schema)?))).collect()
    }

    fn definition(&mut self, reference: &Value) -> Result<Step, String> {
        let name = reference.as_str().and_then(|text| text.strip_prefix("#/$defs/")).unwrap_or_default().to_owned();
        if let Some(&schema) = self.definitions.get(&name) {
            return Ok(Step::Definition { name, schema });
        }
        // Inserted before it is filled: a definition may refer to itself.
        let schema = self.schemas.len();
        self.schemas.push(Schema::default());
        self.definitions.insert(name.clone(), schema);
        self.fill(schema, &self.document["$defs"][name.as_str()])?;
        Ok(Step::Definition { name, schema })
    }

    fn validator(&mut self, mut schema: Value) -> Result<Arc<Validator>, String> {
        if schema.to_string().contains("\"$ref\"") {
            schema["$defs"] = self.document["$defs"].clone();
        }
        (self.build)(schema)
    }
}
