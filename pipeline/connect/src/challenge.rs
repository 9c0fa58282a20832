//! What openGauss' logins by request 10 (SHA-256) and 13 (SM3) ask.

/// How a server keeps a password, which decides how it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Sha256,
    Sm3,
}

impl Kept {
    /// The number of the authentication request.
    pub(crate) fn request(self) -> i32 {
        match self {
            Self::Sha256 => 10,
            Self::Sm3 => 13,
        }
    }

    /// The method of the login, in words.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256 of openGauss",
            Self::Sm3 => "sm3 of openGauss",
        }
    }

    /// Whether this is how a request says it (sha2.h); 0 is an old way of saying SHA-256.
    fn is(self, stored: i32) -> bool {
        match self {
            Self::Sha256 => matches!(stored, 0 | 2),
            Self::Sm3 => stored == 3,
        }
    }
}

/// How often the password may be hashed. Less than any server does makes guessing cheap; more would keep this program busy for
/// minutes (openGauss itself: 2,048 to 134,217,728, and 10,000 unless it is set).
pub(crate) const ITERATIONS: std::ops::RangeInclusive<u32> = 2_048..=10_000_000;

/// What a request asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) kept: Kept,
    pub(crate) salt: [u8; 32],
    pub(crate) token: [u8; 4],
    pub(crate) told: Told,
}

impl Challenge {
    /// Reads the body of the request for a password kept so, after its number; `None` where it is not of this form.
    pub(crate) fn read(kept: Kept, body: &[u8]) -> Option<Self> {
        let (stored, rest) = body.split_first_chunk::<4>()?;
        if !kept.is(i32::from_be_bytes(*stored)) {
            return None;
        }
        let (salt, rest) = rest.split_at_checked(64)?;
        let (token, rest) = rest.split_at_checked(8)?;
        let told = match rest.len() {
            0 => Told::Nothing,
            4 => Told::Iterations(u32::from_be_bytes(rest.try_into().ok()?)),
            64 => Told::Signature(from_hex(rest)?),
            _ => return None,
        };
        Some(Self { kept, salt: from_hex(salt)?, token: from_hex(token)?, told })
    }
}

pub(crate) fn from_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.len() == 2 * N && text.is_ascii())?;
    let mut bytes = [0; N];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// What a server tells besides, by the protocol that was greeted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Below 3.50.
    Signature([u8; 32]),
    /// Above 3.50.
    Iterations(u32),
    /// 3.50.
    Nothing,
}
