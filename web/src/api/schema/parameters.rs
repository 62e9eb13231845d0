//! The parameters of requests: what several take, and how others are described.
//!
//! A description promises as much as the code that reads it takes, no more and no less (`question` reads).

use repute_query::{BounceClass, COLUMNS, ZONES};
use serde_json::json;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, Required};

use crate::filters::NO_SET;

/// A type that names the parameters of an operation, for `params(...)`.
macro_rules! parameters {
    ($name:ident = $($parameters:expr),+ $(,)?) => {
        pub(crate) struct $name;

        impl utoipa::IntoParams for $name {
            fn into_params(
                _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                let mut all = Vec::new();
                $(all.extend($parameters);)+
                all
            }
        }
    };
}
pub(crate) use parameters;

/// A duration back from now: as large as it can be without leaving the calendar.
const DURATION: &str = "^([1-9][0-9]{0,8}s|[1-9][0-9]{0,6}m|[1-9][0-9]{0,5}h|[1-9][0-9]{0,4}d|[1-9][0-9]{0,3}w)$";

/// A duration of a minute or more.
const WINDOW: &str =
    "^((6[0-9]|[7-9][0-9]|[1-9][0-9]{2,8})s|[1-9][0-9]{0,6}m|[1-9][0-9]{0,5}h|[1-9][0-9]{0,4}d|[1-9][0-9]{0,3}w)$";

/// An optional parameter of the query.
pub(crate) fn query(name: &str, description: &str, schema: impl Into<Schema>) -> Option<Parameter> {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).required(Required::False);
    Some(parameter.description(Some(description)).schema(Some(schema.into())).build())
}

/// Since when.
pub(crate) fn since() -> Option<Parameter> {
    query(
        "since",
        "Only what is of this time or later: RFC 3339, a date (its first moment in `zone`, or else in UTC), or a duration back from now. Everything without it.",
        moment("24h"),
    )
}

/// Until when.
pub(crate) fn until() -> Option<Parameter> {
    query(
        "until",
        "Only what is before this time, written as `since` is. Up to now without it.",
        moment("2026-11-01T00:00:00Z"),
    )
}

/// A time.
pub(crate) fn moment(example: &str) -> AnyOfBuilder {
    let format = |format| text().format(Some(SchemaFormat::KnownFormat(format)));
    AnyOfBuilder::new()
        .item(format(KnownFormat::DateTime))
        .item(format(KnownFormat::Date))
        .item(text().pattern(Some(DURATION)).description(Some("Seconds, minutes, hours, days or weeks back from now.")))
        .examples([json!(example)])
}

/// How long something lasts; may be null.
pub(crate) fn duration() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .pattern(Some(DURATION))
        .examples([json!("4h")])
}

/// The width of a window.
pub(crate) fn window(description: &str) -> Option<Parameter> {
    query("window", description, text().pattern(Some(WINDOW)).examples([json!("1h"), json!("1d")]))
}

/// The time zone.
pub(crate) fn zone(description: &str) -> Option<Parameter> {
    let zones = ZONES.iter().map(|zone| zone.name());
    query("zone", description, text().enum_values(Some(zones)).default(Some(json!("UTC"))))
}

/// One of some names, one of which is taken where it is not given.
pub(crate) fn choice<'n>(
    name: &str,
    description: &str,
    names: impl IntoIterator<Item = &'n str>,
    usual: &str,
) -> Option<Parameter> {
    query(name, description, text().enum_values(Some(names)).default(Some(json!(usual))))
}

/// Some of these names: repeated, or separated by commas.
pub(crate) fn choices<'n>(
    name: &str,
    description: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<Parameter> {
    query(
        name,
        description,
        ArrayBuilder::new().items(text().enum_values(Some(names))).unique_items(true).min_items(Some(1)),
    )
}

/// A whole number between two, both inclusive.
pub(crate) fn number(name: &str, description: &str, (least, most): (usize, usize), usual: usize) -> Option<Parameter> {
    let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most));
    query(name, description, schema.default(Some(json!(usual))))
}

/// Where a list goes on: what an answer before gave as `next`.
pub(crate) fn after(pattern: &str) -> Option<Parameter> {
    query("after", "Go on behind what an answer before ended with: its `next`.", text().pattern(Some(pattern)))
}

/// One of some names; all where it is not given.
pub(crate) fn one_of<'n>(name: &str, description: &str, names: impl IntoIterator<Item = &'n str>) -> Option<Parameter> {
    query(name, description, text().enum_values(Some(names)))
}

/// A text that something must hold.
pub(crate) fn holds(name: &str, description: &str) -> Option<Parameter> {
    query(name, description, value())
}

/// JSON or CSV.
pub(crate) fn format() -> Option<Parameter> {
    choice("format", "In what form the answer is given.", ["json", "csv"], "json")
}

/// How the answer is divided.
pub(crate) fn by() -> Option<Parameter> {
    let known = text().enum_values(Some(dimension_names()));
    let tag = text().pattern(Some("^tag:[^,\\u0000]+$")).description(Some("A custom tag."));
    let schema = ArrayBuilder::new().items(AnyOfBuilder::new().item(known).item(tag));
    let description =
        "Dimensions to divide by: repeated, or separated by commas. Each adds a property of its name to every row.";
    query(
        "by",
        description,
        schema
            .unique_items(true)
            .min_items(Some(1))
            .max_items(Some(super::super::question::MOST_DIMENSIONS))
            .examples([json!(["configuration_set"])]),
    )
}

/// Dimensions by name.
pub(crate) fn dimension_names() -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().chain(["provider", "bounce_class"])
}

/// A parameter for each dimension, and one that stands for all custom tags.
pub(crate) fn dimensions() -> Vec<Parameter> {
    let of = |name: &str| {
        let description = format!("Only mail whose `{name}` is this; `{NO_SET}` for mail that has none.");
        let schema = match name {
            "bounce_class" => {
                text().enum_values(Some(BounceClass::ALL.map(BounceClass::as_str).into_iter().chain([NO_SET])))
            }
            _ => value(),
        };
        query(name, &description, schema)
    };
    dimension_names().chain(["tags"]).filter_map(|name| if name == "tags" { tags() } else { of(name) }).collect()
}

fn tags() -> Option<Parameter> {
    let description = "Only mail with these custom tags: `tag:NAME=VALUE`, each name at most once; `(none)` for mail without the tag.";
    let names = text().pattern(Some("^tag:[^\\u0000]+$"));
    let schema = ObjectBuilder::new()
        .property_names(Some(Schema::from(names)))
        .additional_properties(Some(Schema::from(value())))
        .examples([json!({"tag:campaign": "spring"})]);
    let mut parameter = query("tags", description, schema)?;
    parameter.style = Some(ParameterStyle::Form);
    parameter.explode = Some(true);
    Some(parameter)
}

/// A text that is not empty.
pub(crate) fn value() -> ObjectBuilder {
    text().min_length(Some(1)).pattern(Some("^[^\\u0000]*$"))
}

/// A text.
pub(crate) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
