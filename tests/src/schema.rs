//! Whether a value is what the description of the HTTP interface says: as much of JSON Schema as that uses.

use serde_json::Value;

/// Insists that `value` is what `name` among the schemas of `document` says.
pub fn hold(document: &Value, name: &str, value: &Value) {
    let schema = &document["components"]["schemas"][name];
    assert!(schema.is_object(), "{name} has no schema");
    if let Err(why) = fits(document, schema, value) {
        panic!("{name} does not describe {value}: {why}");
    }
}

fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return fits(document, &document["components"]["schemas"][name], value)
            .map_err(|why| format!("{name}: {why}"));
    }
    for (key, needed) in [("anyOf", 1..=usize::MAX), ("oneOf", 1..=1)] {
        if let Some(all) = schema[key].as_array() {
            let told: Vec<_> = all.iter().map(|one| fits(document, one, value)).collect();
            if !needed.contains(&told.iter().filter(|one| one.is_ok()).count()) {
                return Err(format!("{told:?}"));
            }
        }
    }
    kind(schema, value)?;
    if value.is_null() {
        return Ok(());
    }
    if schema["enum"].as_array().is_some_and(|names| !names.contains(value)) {
        return Err(format!("{value} is none of {}", schema["enum"]));
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        let least = schema["minItems"].as_u64().unwrap_or(0) as usize;
        if values.len() < least {
            return Err(format!("{} of {least} items", values.len()));
        }
        values.iter().try_for_each(|one| fits(document, items, one))?;
    }
    object(document, schema, value)
}

fn kind(schema: &Value, value: &Value) -> Result<(), String> {
    let kinds = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    if kinds.iter().any(|kind| is(kind)) {
        Ok(())
    } else {
        Err(format!("{value} is not {kinds:?}"))
    }
}

fn object(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object())
    else {
        return Ok(());
    };
    for (name, field) in fields {
        let schema = properties.get(name).ok_or_else(|| format!("`{name}` is not described"))?;
        fits(document, schema, field).map_err(|why| format!("{name}: {why}"))?;
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match required.into_iter().find(|name| !fields.contains_key(*name)) {
        Some(missing) => Err(format!("`{missing}` is missing")),
        None => Ok(()),
    }
}
