//! Choices that are drawn from the bytes themselves, so that a corpus file is just what a target reads, with nothing in front.

/// A choice in `0..below`; each `purpose` chooses on its own.
pub(crate) fn draw(bytes: &[u8], purpose: &str, below: usize) -> usize {
    // FNV-1a: it need not be good, only always the same.
    let hash = purpose.bytes().chain(bytes.iter().copied()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from((hash >> 16) % u64::try_from(below.max(1)).unwrap()).unwrap()
}

/// One of some values.
pub(crate) fn one_of<T: Copy, const N: usize>(bytes: &[u8], purpose: &str, values: [T; N]) -> T {
    values[draw(bytes, purpose, N)]
}
