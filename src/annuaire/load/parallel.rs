//! Reading lines on several threads.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::annuaire::ingest::parsed_batch::ParsedBatch;
use crate::annuaire::load::lines::{Chunk, LINE_TOO_LONG};

/// Chunks of lines that are being read, or were and wait to be taken. Each holds a few MB.
const MAX_PARSE_TASKS: usize = 4;

/// Lines that are being read, and what the file was read by for them.
pub(super) type ParseTask = (JoinHandle<ParsedBatch>, u64);

/// Reads chunks of lines on several threads, and gives what they hold in their order. Both channels
/// are short: whoever is faster waits, and memory stays bounded.
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
