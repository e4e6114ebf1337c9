//! Reading lines on several threads.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::annuaire::ingest::parsed_batch::ParsedBatch;
use crate::annuaire::load::lines::{Chunk, TOO_LONG};

/// Chunks of lines that are being read, or were and wait to be taken. Each holds a few MB.
const READING: usize = 4;

/// Lines that are being read, and what the file was read by for them.
pub(super) type ParseTask = (JoinHandle<ParsedBatch>, u64);

/// Reads chunks of lines on several threads, and gives what they hold in their order. Both channels
/// are short: whoever is faster waits, and memory stays bounded.
pub(super) fn read(mut chunks: mpsc::Receiver<Result<Chunk, String>>) -> mpsc::Receiver<Result<ParseTask, String>> {
    let (sender, readings) = mpsc::channel(READING);
    tokio::spawn(async move {
        while let Some(chunk) = chunks.recv().await {
            let reading = chunk.map(|chunk| {
                let bytes = chunk.bytes;
                (tokio::task::spawn_blocking(move || readings_of(&chunk)), bytes)
            });
            if sender.send(reading).await.is_err() {
                return;
            }
        }
    });
    readings
}

fn readings_of(chunk: &Chunk) -> ParsedBatch {
    let place = |number: u64| format!("{}:{number}", chunk.file);
    let mut readings = ParsedBatch::default();
    for line in &chunk.lines {
        match &line.text {
            Some(text) => readings.read_line(text, || place(line.number)),
            None => readings.skip(TOO_LONG, place(line.number)),
        }
    }
    readings
}
