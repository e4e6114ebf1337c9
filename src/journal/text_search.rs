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
    let step = TextSearch::of_step(rows, matching(contents, text, || deadline.has_passed()), room);
    // Without time for one, the search has come no further.
    if step.searched == 0 { Err(StorageError::DeadlineExceeded) } else { Ok(Some(step)) }
}

impl TextSearch {
    /// What was searched of these rows, and found: as far as the deadline and the room for hits allow.
    fn of_step(mut rows: Vec<JournalRow>, (matching, interrupted): (Vec<i64>, Option<i64>), room: usize) -> Self {
        if let Some(id) = interrupted {
            rows.retain(|row| row.id > id);
        }
        if let Some(last) = matching.get(room - 1) {
            rows.retain(|row| row.id >= *last);
        }
        Self {
            is_interrupted: false,
            searched: rows.len(),
            reached: rows.last().cloned(),
            hits: rows.into_iter().filter(|row| matching.contains(&row.id)).collect(),
        }
    }
}

/// The exchanges whose bodies have the text, newest first, and the one at which the deadline passed.
fn matching(
    mut contents: Vec<(i64, Vec<u8>)>,
    text: &str,
    mut has_passed: impl FnMut() -> bool,
) -> (Vec<i64>, Option<i64>) {
    let mut matching = vec![];
    contents.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
    for (id, content) in contents {
        if has_passed() {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::journal::content::compress;
    use crate::journal::exchange::tests::exchange;
    use crate::storage::journal::NewExchange;

    fn content() -> Vec<u8> {
        compress(&exchange("a", b"a needle", b"")).expect("compressed")
    }

    /// A journal of three exchanges that have the text.
    async fn journal(folder: &tempfile::TempDir) -> JournalDatabase {
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let journal = JournalDatabase::open(&url).await.expect("a journal");
        let exchanges = ["1", "2", "3"].map(|at| NewExchange {
            at: at.to_owned(),
            interaction: "create".to_owned(),
            content: content(),
            ..NewExchange::default()
        });
        journal.add(&exchanges).await.expect("added");
        journal
    }

    #[tokio::test]
    async fn text_search_interrupted_within_a_step_tells_how_far_it_came() {
        let folder = tempfile::tempdir().expect("a folder");
        let rows = journal(&folder).await.list(&JournalFilter::default(), MAX_ROWS).await.expect("rows");
        let contents: Vec<_> = rows.iter().map(|row| (row.id, content())).collect();
        for (number, reached) in [(0, None), (1, Some("3")), (2, Some("2")), (3, Some("1"))] {
            let mut checks = 0;
            let has_passed = || {
                checks += 1;
                checks > number
            };
            let step = TextSearch::of_step(rows.clone(), matching(contents.clone(), "needle", has_passed), MAX_HITS);
            assert_eq!((step.searched, step.hits.len()), (number, number));
            assert_eq!(step.reached.as_ref().map(|row| row.at.as_str()), reached, "{number}");
        }
    }

    #[tokio::test]
    async fn text_search_without_time_is_interrupted_and_with_time_reads_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = journal(&folder).await;
        for (deadline, hits, is_interrupted) in
            [(Deadline::after(Duration::ZERO), 0, true), (Deadline::none(), 3, false)]
        {
            let found = search(&journal, JournalFilter::default(), "NEEDLE", &deadline).await.expect("searched");
            assert_eq!((found.hits.len(), found.searched, found.is_interrupted), (hits, hits, is_interrupted));
            assert_eq!(found.reached, None);
        }
    }
}
