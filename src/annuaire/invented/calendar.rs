//! Dates of publication: the days before that of the directory, in French civil time.

#![expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "days and places are small")]

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::annuaire::invented::draw::Draw;

/// Age of the oldest publication, in days.
const DAYS: u64 = 730;

/// The days on which entities are published, each with its UTC offset at noon.
pub struct Calendar {
    published: Date,
    next: String,
    days: Vec<String>,
}

impl Calendar {
    /// The two years up to the day of publication, inclusive.
    pub fn new(published: Date) -> Result<Self, jiff::Error> {
        let paris = TimeZone::get("Europe/Paris")?;
        let text = |date: Date| {
            let noon = date.at(12, 0, 0, 0).to_zoned(paris.clone())?;
            Ok::<_, jiff::Error>(noon.strftime("%Y-%m-%d%:z").to_string())
        };
        let days = (0..DAYS).map(|back| text(published.saturating_sub((back as i64).days()))).collect::<Result<_, _>>();
        Ok(Self { published, next: text(published.saturating_add(1.day()))?, days: days? })
    }

    /// A random instant of the two years.
    pub fn instant(&self, draw: &mut Draw) -> String {
        instant(&self.days[draw.below(DAYS) as usize], draw)
    }

    /// A random instant of the day after the publication.
    pub fn next_day(&self, draw: &mut Draw) -> String {
        instant(&self.next, draw)
    }

    /// The date `days` days before the publication.
    pub fn day_before(&self, days: u64) -> Date {
        self.published.saturating_sub((days as i64).days())
    }
}

/// A random instant of a day, between 06:00 and 20:00: at night the change to summer time skips an hour.
fn instant(day: &str, draw: &mut Draw) -> String {
    let (date, offset) = day.split_at(10);
    let [hour, minute, second] = [6 + draw.below(14), draw.below(60), draw.below(60)];
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{:03}{offset}", draw.below(1000))
}
