//! SHA-256 (FIPS 180-4), by which a file is known again, as hexadecimal digits.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// How much is read at a time.
const PIECE: usize = 256 << 10;

/// The digest of bytes.
#[must_use]
pub fn of(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

/// The digest of a file, and its bytes. Before each piece `go_on` is asked, whose error ends the reading.
///
/// # Errors
/// The file cannot be read, or that of `go_on`.
pub fn of_file<E>(
    path: &Path,
    fails: impl Fn(io::Error) -> E,
    mut go_on: impl FnMut() -> Result<(), E>,
) -> Result<(String, u64), E> {
    let mut file = File::open(path).map_err(&fails)?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut bytes = 0;
    loop {
        go_on()?;
        match file.read(&mut piece) {
            Ok(0) => return Ok((hex(digest), bytes)),
            Ok(n) => {
                digest.update(piece.get(..n).unwrap_or_default());
                bytes += u64::try_from(n).unwrap_or(0);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fails(error)),
        }
    }
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        // FIPS 180-4's own example.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(b"abc"), abc);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let found = of_file(&path, |error| error, || Ok(())).unwrap();
        assert_eq!(found, (abc.to_owned(), 3));
        assert_eq!(of_file(&path, |_| 1, || Err(2)).unwrap_err(), 2);
        assert_eq!(of_file(&folder.path().join("absent"), |_| 1, || Err(2)).unwrap_err(), 1);
    }
}
