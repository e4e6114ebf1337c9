//! Searches the bodies of exchanges for a text, newest first, for a bounded time.

use super::content::decompress;
use super::exchange::Exchange;
use crate::deadline::Deadline;
use crate::storage::StorageError;
use crate::storage::journal::{JournalDatabase, JournalFilter, JournalRow};

/// Maximum exchanges that are found at once.
const MAX_HITS: usize = 50;

/// Exchanges that are read at once, and about how many bytes of them.
const MAX_ROWS: usize = 256;
const MAX_BYTES: i64 = 4 << 20;

/// What was found, and how far the search came.
#[derive(Debug, Default)]
pub(crate) struct TextSearch {
    /// Newest first.
    pub hits: Vec<JournalRow>,
    /// How many exchanges were read.
    pub searched: usize,
    /// The oldest exchange that was read, where there are older ones.
    pub reached: Option<JournalRow>,
    /// Whether the time ended it.
    pub is_interrupted: bool,
}

/// Searches the exchanges that match the filter for one whose request or answer has this text in its body, whatever its case,
/// until the deadline. Blocks its thread for milliseconds between two reads.
pub(super) async fn search(
    database: &JournalDatabase,
    filter: JournalFilter,
    text: &str,
    deadline: &Deadline,
) -> Result<TextSearch, StorageError> {
    let (mut found, mut filter) = (TextSearch::default(), filter);
    let text = text.to_lowercase();
    while found.hits.len() < MAX_HITS {
        match step(database, &filter, &text, MAX_HITS - found.hits.len(), deadline).await {
            Ok(Some(step)) => {
                found.searched += step.searched;
                found.hits.extend(step.hits);
                filter.before = step.reached.as_ref().map(|row| row.id);
                found.reached = step.reached;
            }
            Ok(None) => {
                found.reached = None;
                break;
            }
            Err(StorageError::DeadlineExceeded) => {
                found.is_interrupted = true;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Searches the next exchanges, as far as this many match; `None` where there are none.
async fn step(
    database: &JournalDatabase,
    filter: &JournalFilter,
    text: &str,
    room: usize,
    deadline: &Deadline,
) -> Result<Option<TextSearch>, StorageError> {
    let database = database.until(deadline);
    let mut rows = deadline.limit(database.list(filter, MAX_ROWS)).await?;
    let mut bytes = 0;
    let fits = rows.iter().take_while(|row| {
        bytes += row.size;
        bytes <= MAX_BYTES
    });
    // One at least, however large it is.
    let number = fits.count().max(1);
    rows.truncate(number);
    if rows.is_empty() {
        return Ok(None);
    }
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let contents = deadline.limit(database.contents(&ids)).await?;
    let (matching, interrupted) = matching(contents, text, deadline);
    if let Some(id) = interrupted {
        rows.retain(|row| row.id > id);
    }
    if let Some(last) = matching.get(room - 1) {
        rows.retain(|row| row.id >= *last);
    }
    let step = TextSearch {
        is_interrupted: false,
        searched: rows.len(),
        reached: rows.last().cloned(),
        hits: rows.into_iter().filter(|row| matching.contains(&row.id)).collect(),
    };
    // Without time for one, the search has come no further.
    if step.searched == 0 { Err(StorageError::DeadlineExceeded) } else { Ok(Some(step)) }
}

/// The exchanges whose bodies have the text, newest first, and the one at which the deadline passed.
fn matching(mut contents: Vec<(i64, Vec<u8>)>, text: &str, deadline: &Deadline) -> (Vec<i64>, Option<i64>) {
    let mut matching = vec![];
    contents.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
    for (id, content) in contents {
        if deadline.has_passed() {
            return (matching, Some(id));
        }
        // What another release wrote is passed over.
        if decompress(&content).is_ok_and(|exchange| has_text(&exchange, text)) {
            matching.push(id);
        }
    }
    (matching, None)
}

fn has_text(exchange: &Exchange, text: &str) -> bool {
    [&exchange.request, &exchange.answer]
        .iter()
        .any(|message| String::from_utf8_lossy(message.body.bytes()).to_lowercase().contains(text))
}
