//! Parses lines on several threads.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::annuaire::ingest::parsed_batch::ParsedBatch;
use crate::annuaire::load::lines::{Chunk, LINE_TOO_LONG};

/// Maximum chunks that are being parsed, or wait to be stored. A chunk holds a few MB.
const MAX_PARSE_TASKS: usize = 4;

/// The task that parses a chunk, and the bytes of the chunk in its file.
pub(super) type ParseTask = (JoinHandle<ParsedBatch>, u64);

/// Parses chunks on several threads, and sends the tasks in the order of the chunks. Both channels are bounded, and so
/// is the memory.
pub(super) fn parse_chunks(
    mut chunks: mpsc::Receiver<Result<Chunk, String>>,
) -> mpsc::Receiver<Result<ParseTask, String>> {
    let (sender, tasks) = mpsc::channel(MAX_PARSE_TASKS);
    tokio::spawn(async move {
        while let Some(chunk) = chunks.recv().await {
            let task = chunk.map(|chunk| {
                let bytes = chunk.bytes;
                (tokio::task::spawn_blocking(move || parse_chunk(&chunk)), bytes)
            });
            if sender.send(task).await.is_err() {
                return;
            }
        }
    });
    tasks
}

fn parse_chunk(chunk: &Chunk) -> ParsedBatch {
    let place = |number: u64| format!("{}:{number}", chunk.file);
    let mut batch = ParsedBatch::default();
    for line in &chunk.lines {
        match &line.text {
            Some(text) => batch.parse_line(text, || place(line.number)),
            None => batch.skip(LINE_TOO_LONG, place(line.number)),
        }
    }
    batch
}
