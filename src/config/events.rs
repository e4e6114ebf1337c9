//! The arguments of the command `events`.

use clap::Args;

use crate::feed::EventFilter;

#[derive(Clone, Debug, Args)]
pub struct Events {
    /// Only events after this position
    #[arg(long, value_name = "POSITION", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    pub after: i64,
    /// Only events of these types: names separated by commas, * allowed at the end (practitioner.*,appointment.cancelled)
    #[arg(long, value_name = "TYPES", value_parser = types)]
    pub types: Option<EventFilter>,
    /// Wait for further events, until it is interrupted
    #[arg(long)]
    pub follow: bool,
    /// Print one JSON object per line, as GET /events has it
    #[arg(long)]
    pub json: bool,
    /// With --json: print the resources too
    #[arg(long, requires = "json")]
    pub full: bool,
}

fn types(text: &str) -> Result<EventFilter, String> {
    let known = "expected names such as practitioner.enabled, practitioner.* or appointment.cancelled";
    EventFilter::parse(text.split(',')).map_err(|unknown| format!("{unknown} is no event type; {known}"))
}
