//! A dump as a file: opened, recognised by its content, read again from any byte.
//!
//! Regular files are read in place, compressed ones too. Anything that can be read only once (standard input, a named
//! pipe) is copied, as it is read for the first time, to an unlinked file that only this process can open.

use crate::error::{Doing, ErrorKind, Foreign, Result};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

/// How a script begins that holds Karbor's rows for psql, and is no dump.
pub const SCRIPT_HEADER: &str = "-- Rows for Karbor, made by etl.";

/// How the bytes on disk become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// What a file was when it was first opened; a second reading must find the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok() }
    }

    /// Checks that the file of the dump called `name`, which is so `now`, is as it was.
    fn check(&self, now: Self, name: &str) -> Result<()> {
        if now == *self {
            return Ok(());
        }
        let what = if now.size == self.size {
            "its modification time moved".to_owned()
        } else {
            format!("{} bytes at first, now {} bytes with another time", self.size, now.size)
        };
        Err(ErrorKind::Changed { dump: name.to_owned(), what }.into())
    }
}

/// Where the bytes come from.
#[derive(Debug)]
enum Storage {
    /// A regular file, opened anew for each reading.
    Regular(PathBuf, Stamp),
    /// Something readable once, not read yet.
    Pipe { source: Option<Source>, spool_dir: PathBuf },
    /// A pipe's bytes, as far as they were read.
    Spooled(Spool),
}

/// Something readable once.
struct Source(Box<dyn Read + Send>);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// The file that a pipe's bytes are copied to. Readers keep places of their own in it.
#[derive(Clone, Debug)]
struct Spool {
    file: Arc<File>,
    /// Whether the pipe was read to its end.
    whole: Arc<AtomicBool>,
}

impl Spool {
    /// An unlinked file that only this process can open.
    fn new(dir: &Path) -> io::Result<Self> {
        Ok(Self { file: Arc::new(tempfile::tempfile_in(dir)?), whole: Arc::default() })
    }
}

/// One dump the user named.
#[derive(Debug)]
pub struct Input {
    name: String,
    storage: Storage,
    read: Arc<AtomicU64>,
}

/// The name that stands for standard input.
pub const STDIN: &str = "-";

impl Input {
    /// Opens the dump called `name` (a path, or `-`); pipes are spooled to `spool_dir`.
    ///
    /// # Errors
    /// The file cannot be opened, or is a directory.
    pub fn open(name: &str, spool_dir: &Path) -> Result<Self> {
        let io = |doing| move |source| ErrorKind::Io { dump: name.to_owned(), doing, source };
        let path = if name == STDIN { Path::new("/dev/stdin") } else { Path::new(name) };
        let metadata = std::fs::metadata(path).map_err(io(Doing::Opening))?;
        let storage = if metadata.is_dir() {
            let found =
                if path.join("toc.dat").exists() { Foreign::DumpDirectory } else { Foreign::Directory };
            return Err(ErrorKind::Foreign { dump: name.to_owned(), found }.into());
        } else if metadata.is_file() && name != STDIN {
            File::open(path).map_err(io(Doing::Opening))?;
            Storage::Regular(path.to_owned(), Stamp::of(&metadata))
        } else {
            let source = File::open(path).map_err(io(Doing::Opening))?;
            return Ok(Self::from_reader(name, Box::new(source), spool_dir));
        };
        Ok(Self { name: name.to_owned(), storage, read: Arc::default() })
    }

    /// A dump called `name` whose bytes `source` gives once, as a pipe does; they are spooled to `spool_dir`.
    #[must_use]
    pub fn from_reader(name: &str, source: Box<dyn Read + Send>, spool_dir: &Path) -> Self {
        let storage = Storage::Pipe { source: Some(Source(source)), spool_dir: spool_dir.to_owned() };
        Self { name: name.to_owned(), storage, read: Arc::default() }
    }

    /// The dump's name as the user typed it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks that the file on disk is what it was when it was opened; what was spooled cannot change.
    ///
    /// # Errors
    /// Its size or its time changed, or it cannot be looked at any more.
    pub fn check_unchanged(&self) -> Result<()> {
        let Storage::Regular(path, stamp) = &self.storage else { return Ok(()) };
        let io = |source| ErrorKind::Io { dump: self.name.clone(), doing: Doing::Opening, source };
        stamp.check(Stamp::of(&std::fs::metadata(path).map_err(io)?), &self.name)
    }

    /// Bytes on disk; `None` for a pipe that has not been read to its end.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match &self.storage {
            Storage::Regular(_, stamp) => Some(stamp.size),
            Storage::Pipe { .. } => None,
            Storage::Spooled(spool) if spool.whole.load(Ordering::Acquire) => {
                spool.file.metadata().ok().map(|m| m.len())
            }
            Storage::Spooled(_) => None,
        }
    }

    /// The path of a regular file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.storage {
            Storage::Regular(path, _) => Some(path),
            Storage::Pipe { .. } | Storage::Spooled(_) => None,
        }
    }

    /// Counts the bytes that any reading of this dump has taken from disk, over all readings.
    #[must_use]
    pub fn meter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// The dump's text from its first byte.
    ///
    /// # Errors
    /// The file cannot be read, has changed since it was opened, or is no plain-text dump.
    pub fn text(&mut self) -> Result<Text> {
        let raw: Box<dyn Read + Send> = match &mut self.storage {
            Storage::Pipe { source, spool_dir } => {
                let io = |doing| {
                    let dump = self.name.clone();
                    move |source| ErrorKind::Io { dump, doing, source }
                };
                let source = source.take().ok_or_else(|| read_before(&self.name))?;
                let spool = Spool::new(spool_dir).map_err(io(Doing::Spooling))?;
                self.storage = Storage::Spooled(spool.clone());
                Box::new(Tee { source: source.0, spool })
            }
            Storage::Regular(path, stamp) => {
                let io = |source| ErrorKind::Io { dump: self.name.clone(), doing: Doing::Opening, source };
                let file = File::open(path).map_err(io)?;
                stamp.check(Stamp::of(&file.metadata().map_err(io)?), &self.name)?;
                Box::new(file)
            }
            Storage::Spooled(spool) if spool.whole.load(Ordering::Acquire) => {
                Box::new(Spooled { file: Arc::clone(&spool.file), at: 0 })
            }
            Storage::Spooled(_) => return Err(read_before(&self.name).into()),
        };
        Text::new(self.name.clone(), raw, Arc::clone(&self.read))
    }

    /// The dump's text from byte `byte` of it: by seeking in a plain file, by decompressing up to there in another.
    ///
    /// # Errors
    /// As [`Input::text`], or the text ends before `byte`.
    pub fn text_from(&mut self, byte: u64) -> Result<Text> {
        let mut text = self.text()?;
        if text.packing == Packing::Plain
            && let Some(source) = self.seek(byte)?
        {
            return Ok(Text {
                source: Box::new(Metered { source, read: Arc::clone(&self.read) }),
                packing: Packing::Plain,
                name: self.name.clone(),
                bytes: byte,
            });
        }
        text.discard(byte)?;
        Ok(text)
    }

    /// The bytes on disk from `byte` on.
    fn seek(&self, byte: u64) -> Result<Option<Box<dyn Read + Send>>> {
        let io = |source| ErrorKind::Io { dump: self.name.clone(), doing: Doing::Reading, source };
        Ok(match &self.storage {
            Storage::Regular(path, _) => {
                let mut file = File::open(path).map_err(io)?;
                file.seek(SeekFrom::Start(byte)).map_err(io)?;
                Some(Box::new(file))
            }
            Storage::Spooled(spool) => Some(Box::new(Spooled { file: Arc::clone(&spool.file), at: byte })),
            Storage::Pipe { .. } => None,
        })
    }
}

fn read_before(dump: &str) -> ErrorKind {
    let what = "a pipe can be read only once, and the first reading did not reach its end".to_owned();
    ErrorKind::Changed { dump: dump.to_owned(), what }
}

/// Copies what it reads to the spool.
struct Tee {
    source: Box<dyn Read + Send>,
    spool: Spool,
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        let copied = (&*self.spool.file).write_all(buffer.get(..n).unwrap_or_default());
        copied.map_err(|error| {
            io::Error::new(error.kind(), format!("its copy in the spool folder cannot be written: {error}"))
        })?;
        if n == 0 && !buffer.is_empty() {
            self.spool.whole.store(true, Ordering::Release);
        }
        Ok(n)
    }
}

/// Reads the spool from a place of its own.
struct Spooled {
    file: Arc<File>,
    at: u64,
}

impl Read for Spooled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.at)?;
        self.at += u64::try_from(n).unwrap_or(0);
        Ok(n)
    }
}

/// Counts what it reads.
struct Metered<R> {
    source: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.read.fetch_add(u64::try_from(n).unwrap_or(0), Ordering::Relaxed);
        Ok(n)
    }
}

/// A dump's text as a stream, decompressed.
pub struct Text {
    source: Box<dyn Read + Send>,
    packing: Packing,
    name: String,
    bytes: u64,
}

/// How much of a file is looked at to recognise it: a tar header's magic stands at byte 257.
const HEAD_BYTES: u64 = 512;

/// zstd refuses larger windows, so that a hostile file cannot ask for much memory: 2^23 bytes.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

impl Text {
    pub(crate) fn new(name: String, raw: Box<dyn Read + Send>, read: Arc<AtomicU64>) -> Result<Self> {
        let io = |source| ErrorKind::Io { dump: name.clone(), doing: Doing::Reading, source };
        let mut raw = Metered { source: raw, read };
        let head = head_of(&mut raw).map_err(io)?;
        if head.is_empty() {
            return Err(ErrorKind::Empty { dump: name }.into());
        }
        let packing = Packing::of(&head);
        let whole = io::Cursor::new(head).chain(raw);
        let mut source: Box<dyn Read + Send> = match packing {
            Packing::Plain => Box::new(whole),
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(whole)),
            Packing::Zstd => {
                let mut decoder = zstd::Decoder::new(whole).map_err(io)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(io)?;
                Box::new(decoder)
            }
        };
        let compressed =
            |source| ErrorKind::Compressed { dump: name.clone(), format: packing.name(), bytes: 0, source };
        let head = head_of(&mut source).map_err(compressed)?;
        if let Some(found) = foreign(&head, packing) {
            return Err(ErrorKind::Foreign { dump: name, found }.into());
        }
        if head.is_empty() {
            return Err(ErrorKind::Empty { dump: name }.into());
        }
        let source = Box::new(io::Cursor::new(head).chain(source));
        Ok(Self { source, packing, name, bytes: 0 })
    }

    /// Reads into `buffer`; 0 is the end of the text.
    ///
    /// # Errors
    /// The system's, or the decompressor's.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.source.read(buffer) {
                Ok(n) => {
                    self.bytes += u64::try_from(n).unwrap_or(0);
                    return Ok(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.failure(source).into()),
            }
        }
    }

    fn failure(&self, source: io::Error) -> ErrorKind {
        let dump = self.name.clone();
        match self.packing {
            Packing::Plain => ErrorKind::Io { dump, doing: Doing::Reading, source },
            packing => ErrorKind::Compressed { dump, format: packing.name(), bytes: self.bytes, source },
        }
    }

    fn discard(&mut self, upto: u64) -> Result<()> {
        let mut scratch = vec![0; 64 * 1024];
        while self.bytes < upto {
            let wanted = usize::try_from(upto - self.bytes).unwrap_or(usize::MAX).min(scratch.len());
            let n = self.read(scratch.get_mut(..wanted).unwrap_or_default())?;
            if n == 0 {
                let what = format!("it ends at byte {}, before byte {upto} that was read before", self.bytes);
                return Err(ErrorKind::Changed { dump: self.name.clone(), what }.into());
            }
        }
        Ok(())
    }
}

fn head_of(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    source.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// Files that are taken for dumps, by what they begin with.
const FOREIGN: [(&[u8], Foreign); 11] = [
    (b"PGDMP", Foreign::Custom),
    (&[0xff, 0xfe], Foreign::Utf16),
    (&[0xfe, 0xff], Foreign::Utf16),
    (b"BZh", Foreign::Packed("bzip2")),
    (b"\xfd7zXZ\0", Foreign::Packed("xz")),
    (b"PK\x03\x04", Foreign::Packed("zip")),
    (b"7z\xbc\xaf\x27\x1c", Foreign::Packed("7z")),
    (b"-- MySQL dump", Foreign::MySql),
    (b"-- MariaDB dump", Foreign::MySql),
    (b"SQLite format 3\0", Foreign::Sqlite),
    (SCRIPT_HEADER.as_bytes(), Foreign::Script),
];

/// What the first bytes of a text say it is, when it is no plain dump.
fn foreign(head: &[u8], packing: Packing) -> Option<Foreign> {
    if packing != Packing::Plain && Packing::of(head) != Packing::Plain {
        return Some(Foreign::PackedTwice);
    }
    if let Some((_, found)) = FOREIGN.iter().find(|(beginning, _)| head.starts_with(beginning)) {
        return Some(*found);
    }
    if head.get(257..262) == Some(b"ustar") {
        return Some(Foreign::Tar);
    }
    // Of random bytes every ninth is a control character; of text, none where it begins and hardly any later.
    let controls = |text: &[u8]| text.iter().filter(|b| **b < 0x20 && !b"\n\r\t\x0c".contains(b)).count();
    let start = head.get(..16).unwrap_or(head);
    (controls(start) > 0 || controls(head) * 20 > head.len()).then_some(Foreign::Binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn open(path: &Path) -> Result<Input> {
        Input::open(path.to_str().unwrap(), Path::new("/var/tmp"))
    }

    fn all(mut text: Text) -> Result<Vec<u8>> {
        let (mut out, mut buffer) = (Vec::new(), [0; 7]);
        loop {
            match text.read(&mut buffer)? {
                0 => return Ok(out),
                n => out.extend_from_slice(&buffer[..n]),
            }
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    const TEXT: &[u8] = b"-- a dump\nSELECT 1;\n-- PostgreSQL database dump complete\n";

    #[test]
    fn plain_gzip_of_several_members_and_zstd_give_the_same_text_from_any_byte() {
        let mut members = gzip(&TEXT[..20]);
        members.extend(gzip(&TEXT[20..]));
        for bytes in [TEXT.to_vec(), gzip(TEXT), members, zstd::encode_all(TEXT, 1).unwrap()] {
            let file = written(&bytes);
            let mut input = open(file.path()).unwrap();
            assert_eq!(all(input.text().unwrap()).unwrap(), TEXT);
            for byte in [0, 1, 19, 20, 21] {
                assert_eq!(
                    all(input.text_from(byte).unwrap()).unwrap(),
                    &TEXT[usize::try_from(byte).unwrap()..]
                );
            }
        }
    }

    #[test]
    fn what_is_no_plain_dump_is_named() {
        let mut tar = vec![b'a'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        for (bytes, found) in [
            (b"PGDMP\x01\x0e".to_vec(), Foreign::Custom),
            (gzip(b"PGDMP\x01\x0e"), Foreign::Custom),
            (tar, Foreign::Tar),
            (b"\xff\xfe-\0-\0".to_vec(), Foreign::Utf16),
            (
                b"\x93\x01\xfe\x88zz\x00\x1f\x99\x81\x82\x83\x84\x85\x86\x87 and so on".to_vec(),
                Foreign::Binary,
            ),
            ([&[0x93; 16][..], &[b'a', 0xff, 0x02, b'z'].repeat(50)].concat(), Foreign::Binary),
        ] {
            let file = written(&bytes);
            match open(file.path()).unwrap().text().err().unwrap().kind() {
                ErrorKind::Foreign { found: what, .. } => assert_eq!(*what, found),
                other => panic!("{other}"),
            }
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(open(folder.path()).unwrap_err().to_string().contains("directory, not a dump"));
        std::fs::write(folder.path().join("toc.dat"), "x").unwrap();
        assert!(open(folder.path()).unwrap_err().to_string().contains("-F d"));
    }

    #[test]
    fn an_empty_file_and_a_cut_compressed_one_are_errors() {
        let file = written(b"");
        assert!(open(file.path()).unwrap().text().err().unwrap().to_string().ends_with("the file is empty"));
        let file = written(&gzip(b""));
        assert!(open(file.path()).unwrap().text().err().unwrap().to_string().ends_with("the file is empty"));
        let long: Vec<u8> = TEXT.iter().copied().cycle().take(100_000).collect();
        for whole in [gzip(&long), zstd::encode_all(&long[..], 1).unwrap()] {
            let file = written(&whole[..whole.len() - 9]);
            let error = open(file.path()).unwrap().text().and_then(all).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Compressed { .. }), "{error}");
        }
    }

    #[test]
    fn a_file_that_changed_between_two_readings_is_an_error() {
        let mut file = written(TEXT);
        let mut input = open(file.path()).unwrap();
        all(input.text().unwrap()).unwrap();
        file.write_all(b"more").unwrap();
        assert!(matches!(input.text().err().unwrap().kind(), ErrorKind::Changed { .. }));
    }

    #[test]
    fn a_pipe_is_spooled_and_its_readings_do_not_disturb_one_another() {
        for bytes in [TEXT.to_vec(), gzip(TEXT)] {
            let source = Box::new(io::Cursor::new(bytes.clone()));
            let mut input = Input::from_reader("-", source, Path::new("/var/tmp"));
            assert_eq!(input.size(), None);
            assert_eq!(all(input.text().unwrap()).unwrap(), TEXT);
            assert_eq!(input.size(), u64::try_from(bytes.len()).ok());
            let (mut first, mut byte) = (input.text().unwrap(), [0]);
            first.read(&mut byte).unwrap();
            assert_eq!(all(input.text_from(10).unwrap()).unwrap(), &TEXT[10..]);
            assert_eq!([&byte[..], &all(first).unwrap()].concat(), TEXT);
        }
    }

    #[test]
    fn a_pipe_that_was_not_read_to_its_end_is_not_read_again() {
        let mut input = Input::from_reader("-", Box::new(io::repeat(b'a')), Path::new("/var/tmp"));
        input.text().unwrap().read(&mut [0; 2000]).unwrap();
        assert_eq!(input.size(), None);
        assert!(matches!(input.text().err().unwrap().kind(), ErrorKind::Changed { .. }));
    }

    #[test]
    fn the_meter_counts_bytes_on_disk() {
        let bytes = gzip(TEXT);
        let file = written(&bytes);
        let mut input = open(file.path()).unwrap();
        all(input.text().unwrap()).unwrap();
        assert_eq!(input.meter().load(Ordering::Relaxed), u64::try_from(bytes.len()).unwrap());
        assert_eq!(input.size(), Some(u64::try_from(bytes.len()).unwrap()));
    }

    /// The frame is sound: it is only etl that has less memory than it asks for.
    #[test]
    fn a_frame_with_a_large_window_is_for_zstd_to_unpack() {
        for (window, reads) in [(20, true), (23, true), (24, false), (27, false)] {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(window).unwrap();
            encoder.write_all(TEXT).unwrap();
            let file = written(&encoder.finish().unwrap());
            let mut input = Input::open(file.path().to_str().unwrap(), Path::new("/tmp")).unwrap();
            let mut text = Vec::new();
            let read = input.text().and_then(|mut source| {
                let mut piece = [0; 64];
                loop {
                    match source.read(&mut piece)? {
                        0 => return Ok(()),
                        n => text.extend_from_slice(&piece[..n]),
                    }
                }
            });
            match read {
                Ok(()) => assert!(reads && text == TEXT, "{window}"),
                Err(error) => {
                    assert!(!reads, "{window}: {error}");
                    assert!(
                        error.remedy().unwrap().contains("`zstd -dc FILE | etl run -`"),
                        "{window}: {error}"
                    );
                }
            }
        }
    }
}
