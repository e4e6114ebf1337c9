//! Reads the lines of files: plain, gzip or zstd.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use tokio::sync::mpsc;

use super::input::Input;

/// Maximum bytes of a line. A resource of the directory has a few thousand; a line may also be a page of a search.
const MAX_LINE_BYTES: usize = 4 << 20;

pub(super) const LINE_TOO_LONG: &str = "the line is longer than 4 MiB";

/// Maximum lines and bytes of a chunk.
const CHUNK_LINES: usize = 500;
const CHUNK_BYTES: usize = 4 << 20;

const BUFFER_BYTES: usize = 256 << 10;

/// Consecutive lines of a file.
pub(super) struct Chunk {
    pub file: Arc<str>,
    /// Without blank lines.
    pub lines: Vec<Line>,
    /// Bytes read from the file for these lines, compressed where the file is.
    pub bytes: u64,
}

pub(super) struct Line {
    /// The first line is 1.
    pub number: u64,
    /// Without the line end; `None` if the line is longer than [`MAX_LINE_BYTES`].
    pub text: Option<Vec<u8>>,
}

/// The bytes of all files together; `None` with standard input or a pipe. The error says which file cannot be opened.
pub(super) fn length(inputs: &[Input]) -> Result<Option<u64>, String> {
    let mut length = Some(0);
    for input in inputs {
        let Input::File(path) = input else {
            length = None;
            continue;
        };
        let metadata = File::open(path).and_then(|file| file.metadata());
        let metadata = metadata.map_err(|error| format!("{}: {error}", input.name()))?;
        if metadata.is_dir() {
            return Err(format!("{}: this is a folder", input.name()));
        }
        // A pipe has no length.
        length = length.filter(|_| metadata.is_file()).map(|sum| sum + metadata.len());
    }
    Ok(length)
}

/// Sends every line, in chunks, or an error where a file cannot be read. Ends early if the receiver is dropped.
pub(super) fn read_chunks(inputs: &[Input], chunks: &mpsc::Sender<Result<Chunk, String>>) {
    for input in inputs {
        match read_input(input, chunks) {
            Ok(true) => {}
            Ok(false) => return,
            Err(sentence) => {
                let _ = chunks.blocking_send(Err(sentence));
                return;
            }
        }
    }
}

/// Whether the receiver still exists.
fn read_input(input: &Input, chunks: &mpsc::Sender<Result<Chunk, String>>) -> Result<bool, String> {
    let name: Arc<str> = input.name().into();
    let count = Arc::new(AtomicU64::new(0));
    let mut lines = open_input(input, &count).map_err(|error| format!("{name}: {error}"))?;
    let (mut number, mut reported) = (0, 0);
    loop {
        let mut chunk = Chunk { file: name.clone(), lines: vec![], bytes: 0 };
        let end = fill_chunk(&mut chunk, &mut lines, &mut number)
            .map_err(|error| format!("{name}: after line {number}: {error}"))?;
        let read = count.load(Ordering::Relaxed);
        chunk.bytes = read - reported;
        reported = read;
        if chunks.blocking_send(Ok(chunk)).is_err() {
            return Ok(false);
        }
        if end {
            return Ok(true);
        }
    }
}

/// Fills a chunk; returns whether it ends the file.
fn fill_chunk(chunk: &mut Chunk, lines: &mut impl BufRead, number: &mut u64) -> io::Result<bool> {
    let mut bytes = 0;
    while chunk.lines.len() < CHUNK_LINES && bytes < CHUNK_BYTES {
        let Some(text) = next_line(lines)? else { return Ok(true) };
        *number += 1;
        bytes += text.as_ref().map_or(0, Vec::len);
        let blank = text.as_ref().is_some_and(|text| text.trim_ascii().is_empty());
        if !blank {
            chunk.lines.push(Line { number: *number, text });
        }
    }
    Ok(false)
}

/// The next line, or `Some(None)` where it is too long; `None` at the end.
#[expect(clippy::option_option, reason = "the end, a line, and a line that is too long")]
fn next_line(lines: &mut impl BufRead) -> io::Result<Option<Option<Vec<u8>>>> {
    let mut line = vec![];
    let (mut begun, mut too_long) = (false, false);
    loop {
        let available = match lines.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        if available.is_empty() {
            return Ok(begun.then(|| (!too_long).then_some(line)));
        }
        begun = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        too_long |= line.len() + part.len() > MAX_LINE_BYTES;
        if !too_long {
            line.extend_from_slice(part);
        }
        let consumed = part.len() + usize::from(end.is_some());
        lines.consume(consumed);
        if end.is_some() {
            return Ok(Some((!too_long).then_some(line)));
        }
    }
}

/// Opens a file, decompressed.
fn open_input(input: &Input, count: &Arc<AtomicU64>) -> io::Result<Box<dyn BufRead>> {
    let raw: Box<dyn Read> = match input {
        Input::File(path) => Box::new(File::open(path)?),
        Input::Standard => Box::new(io::stdin().lock()),
    };
    decompressed(Counted { raw, count: count.clone() })
}

/// Detects compression by the magic number, with which no JSON begins.
fn decompressed(mut raw: impl Read + 'static) -> io::Result<Box<dyn BufRead>> {
    let mut magic = vec![];
    raw.by_ref().take(4).read_to_end(&mut magic)?;
    let is = |number: &[u8]| magic.starts_with(number);
    let (gzip, zstd) = (is(&[0x1F, 0x8B]), is(&[0x28, 0xB5, 0x2F, 0xFD]) || is_skippable_frame(&magic));
    let raw = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic).chain(raw));
    Ok(if gzip {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(raw)))
    } else if zstd {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, zstd::Decoder::with_buffer(raw)?))
    } else {
        Box::new(raw)
    })
}

/// Some zstd encoders begin with a skippable frame. <https://www.rfc-editor.org/rfc/rfc8878#name-skippable-frames>
fn is_skippable_frame(magic: &[u8]) -> bool {
    matches!(magic, [0x50..=0x5F, 0x2A, 0x4D, 0x18])
}

/// Counts the bytes read.
struct Counted<R> {
    raw: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.raw.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(bytes: Vec<u8>) -> io::Result<Vec<(u64, Option<usize>)>> {
        let mut reader = decompressed(Cursor::new(bytes))?;
        let mut all = vec![];
        let mut number = 0;
        loop {
            let mut chunk = Chunk { file: "f".into(), lines: vec![], bytes: 0 };
            let end = fill_chunk(&mut chunk, &mut reader, &mut number)?;
            all.extend(chunk.lines.into_iter().map(|line| (line.number, line.text.map(|text| text.len()))));
            if end {
                return Ok(all);
            }
        }
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("compressed");
        encoder.finish().expect("compressed")
    }

    #[test]
    fn load_lines_are_numbered_without_blank_ones() {
        let seen = lines(b"ab\n\n \r\nabc\r\nlast".to_vec()).expect("lines");
        assert_eq!(seen, [(1, Some(2)), (4, Some(4)), (5, Some(4))]);
        assert_eq!(lines(vec![]).expect("lines"), []);
    }

    #[test]
    fn load_compression_of_several_members_is_detected() {
        let expected = [(1, Some(1)), (2, Some(2))];
        let parts = [gzip("a\n"), gzip("bc\n")].concat();
        assert_eq!(lines(parts).expect("lines"), expected);
        let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).expect("compressed");
        assert_eq!(lines([zstd("a\n"), zstd("bc\n")].concat()).expect("lines"), expected);
        let skipped = [&[0x50, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, 9][..], &zstd("a\nbc\n")].concat();
        assert_eq!(lines(skipped).expect("lines"), expected);
    }

    #[test]
    fn load_compressed_file_truncated_fails() {
        let whole = gzip(&"a line of some length\n".repeat(100));
        assert!(lines(whole[..whole.len() / 2].to_vec()).is_err());
        let whole = zstd::encode_all("a line of some length\n".repeat(100).as_bytes(), 1).expect("compressed");
        assert!(lines(whole[..whole.len() / 2].to_vec()).is_err());
    }

    #[test]
    fn load_line_too_long_is_skipped() {
        let text = [
            "a".repeat(MAX_LINE_BYTES),
            "b".repeat(MAX_LINE_BYTES + 1),
            "c".to_owned(),
            "d".repeat(MAX_LINE_BYTES + 1),
        ]
        .join("\n");
        let seen = lines(text.into_bytes()).expect("lines");
        assert_eq!(seen, [(1, Some(MAX_LINE_BYTES)), (2, None), (3, Some(1)), (4, None)]);
    }
}
