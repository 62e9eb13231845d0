//! `repute setup`: what sets up AWS, printed; nothing is changed there.
//!
//! ```text
//! template.json + names typed ──> template ──> YAML, JSON
//!                                     └──resolve──> commands, policy
//! ```

mod commands;
mod names;
mod resolve;
mod yaml;

use serde_json::{Map, Value};

use crate::cli::{SetUp, SetupArgs, TemplateFormat};
use crate::exit::{Exit, Failure};
use crate::output;
use resolve::Names;

const TEMPLATE: &str = include_str!("setup/template.json");

pub(super) fn run(args: &SetupArgs) -> Result<Exit, Failure> {
    names::check(args).map_err(Failure::Usage)?;
    let template = template(args)?;
    let names = Names { region: &args.region, account: &args.account };
    match (args.print, args.format) {
        (SetUp::Cloudformation, TemplateFormat::Yaml) => output::print(&yaml::document(&template))?,
        (SetUp::Cloudformation, TemplateFormat::Json) => output::print_json(&template)?,
        (SetUp::Commands, _) => output::print(&commands::script(&resolve::resources(&template, &names), args))?,
        (SetUp::Policy, _) => {
            let resources = resolve::resources(&template, &names);
            output::print_json(&resources["ReaderPolicy"]["Properties"]["PolicyDocument"])?;
        }
    }
    Ok(Exit::Done)
}

/// The template with what was typed as defaults of its parameters.
fn template(args: &SetupArgs) -> Result<Value, Failure> {
    let mut template: Value = serde_json::from_str(TEMPLATE).map_err(anyhow::Error::from)?;
    let creates = if args.existing_configuration_set { "no" } else { "yes" };
    let defaults: [(&str, Value); 8] = [
        ("BucketName", args.bucket.as_str().into()),
        ("ConfigurationSetName", args.configuration_set.as_str().into()),
        ("CreateConfigurationSet", creates.into()),
        ("StreamName", args.stream.as_str().into()),
        ("QueueName", args.queue.as_str().into()),
        ("Prefix", args.prefix.as_str().into()),
        ("ErrorPrefix", args.error_prefix.as_str().into()),
        ("BufferSeconds", args.buffer_seconds.into()),
    ];
    for (parameter, default) in defaults {
        if let Some(parameter) = template["Parameters"][parameter].as_object_mut() {
            let kind = parameter.shift_remove("Type").unwrap_or_default();
            let rest = std::mem::take(parameter);
            let first = [("Type".to_owned(), kind), ("Default".to_owned(), default)];
            *parameter = first.into_iter().chain(rest).collect::<Map<_, _>>();
        }
    }
    Ok(template)
}
