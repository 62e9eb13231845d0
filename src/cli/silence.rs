//! `repute silence`.

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use repute_query::Dimension;

use super::counting::parse_only;
use super::format::Format;
use crate::when::{parse_duration, parse_time};

/// `repute silence`.
#[derive(Debug, Subcommand)]
pub(crate) enum SilenceCommand {
    /// Make a silence, which holds from now on: for `repute check`, its messages and the dashboard alike; prints its id
    #[command(
        after_help = "For example, until tomorrow morning:\n  repute silence add --rule soft_bounces --only provider=Yahoo --for 18h --reason 'ticket 4711'"
    )]
    Add(SilenceAddArgs),
    /// List silences: those that hold, of the configuration and made ones
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// How they are printed
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// End a silence now
    End {
        /// Its id, as `repute silence list` shows it
        id: String,
        /// Who ends it [default: the user]
        #[arg(long, value_name = "NAME")]
        author: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SilenceAddArgs {
    /// Only this rule [default: all]
    #[arg(long, value_name = "RULE")]
    pub(crate) rule: Option<String>,
    /// Only findings with this value of a dimension, as in provider=Yahoo; nothing after the = for mail without one
    #[arg(long, value_name = "DIMENSION=VALUE", value_parser = parse_only)]
    pub(crate) only: Vec<(Dimension, Option<String>)>,
    /// Only accounts as a whole, none of their groups
    #[arg(long)]
    pub(crate) total: bool,
    /// How long, from now: 30 days at most
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, required_unless_present = "until", conflicts_with = "until")]
    pub(crate) lasting: Option<TimeDelta>,
    /// Until when
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) until: Option<DateTime<Utc>>,
    /// Why, for whoever finds it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who wants it [default: the user]
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
}
