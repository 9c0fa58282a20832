//! openGauss' and GaussDB's own logins: authentication requests 10 (SHA-256) and 13 (SM3).
//!
//! Source: openGauss-server, `sendAuthRequest` and `crypt_verify` (auth.cpp, crypt.cpp), `RFC5802Algorithm` and `GsSm3Encrypt`
//! (sha2.cpp). Test vectors of SHA-256 are by four implementations that share no code, those of SM3 by Python's hashlib with
//! OpenSSL. No live server was reached.
//!
//! A server tells a client of protocol 3.0 its signature over a token, which shows that it knows the password, but not the number
//! of iterations; one of 3.51 the number, but no signature. So the first connection, which is the driver's, brings the signature
//! and is left; the second brings the number. Only when the password makes the first one's signature is a proof of it sent: to
//! whoever does not know the password nothing is, and a wrong password counts as no failed login, of which ten lock an account.

use crate::challenge::{Challenge, ITERATIONS, Kept, Told};
use std::num::NonZeroU32;

use ring::{hmac, pbkdf2};
use secrecy::ExposeSecret;
use sm3::{Digest, Sm3};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::conninfo::ConnInfo;
use super::error::ConnectError;
use super::link::Link;
use super::reply::{ServerError, refused};
use crate::values::{ChannelBinding, Password};

/// Protocol 3.51, of which openGauss' own clients are.
const PROTOCOL: i32 = 3 << 16 | 51;

const CLIENT_KEY: &[u8] = b"Client Key";

/// What a password makes with a salt.
struct Keys {
    client: [u8; 32],
    stored: hmac::Key,
    server: hmac::Key,
}

impl Keys {
    fn new(kept: Kept, password: &[u8], salt: &[u8; 32], iterations: NonZeroU32) -> Self {
        let mut salted = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, iterations, salt, password, &mut salted);
        let salted = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        let mut client = [0; 32];
        client.copy_from_slice(hmac::sign(&salted, CLIENT_KEY).as_ref());
        let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        // The texts are as openGauss spells them.
        let (stored, server_key) = match kept {
            Kept::Sha256 => {
                (key(ring::digest::digest(&ring::digest::SHA256, &client).as_ref()), &b"Sever Key"[..])
            }
            Kept::Sm3 => (key(&Sm3::digest(client)), &b"Server Key"[..]),
        };
        let server = key(hmac::sign(&salted, server_key).as_ref());
        Self { client, stored, server }
    }

    /// Whether a server that signed the token knows the password.
    fn signed(&self, token: [u8; 4], signature: &[u8; 32]) -> bool {
        hmac::verify(&self.server, &token, signature).is_ok()
    }

    /// What shows the server that this client knows the password.
    fn proof(&self, token: [u8; 4]) -> [u8; 32] {
        let signature = hmac::sign(&self.stored, &token);
        let mut proof = self.client;
        for (byte, other) in proof.iter_mut().zip(signature.as_ref()) {
            *byte ^= other;
        }
        proof
    }
}

/// Logs in on a new connection to a server that asked `first` on another one.
///
/// # Errors
/// The password is wrong, or something of the login is not as it must be.
pub(super) async fn log_in(
    link: &mut Link,
    settings: &ConnInfo,
    password: &Password,
    first: &Challenge,
    at: &str,
) -> Result<(), ConnectError> {
    let broken = |problem: &str| ConnectError::LoginBroken {
        at: at.to_owned(),
        user: settings.user.clone(),
        problem: problem.to_owned(),
    };
    let lost = |error: std::io::Error| ConnectError::Lost { at: at.to_owned(), problem: error.to_string() };
    if settings.channel_binding == ChannelBinding::Require {
        return Err(broken("channel_binding=require, and GaussDB's own login has none"));
    }
    let Told::Signature(signature) = &first.told else {
        return Err(broken("the server did not show that it knows the password"));
    };
    link.write_all(&greeting(settings)).await.map_err(lost)?;
    let second = match request(link).await.map_err(lost)? {
        Reply::Request(number, body) if number == first.kept.request() => {
            Challenge::read(first.kept, &body).ok_or_else(|| broken("its request is not understood"))?
        }
        Reply::Request(number, _) => {
            let problem = format!("it asked by request {} first, and then by {number}", first.kept.request());
            return Err(broken(&problem));
        }
        Reply::Error(error) => return Err(refused(&error, at, settings, Some(password))),
        Reply::Other(tag) => {
            return Err(broken(&format!("message {:?} in place of a request", char::from(tag))));
        }
    };
    let iterations = match second.told {
        Told::Iterations(count) if ITERATIONS.contains(&count) => NonZeroU32::new(count),
        Told::Iterations(count) => {
            let (least, most) = (ITERATIONS.start(), ITERATIONS.end());
            return Err(broken(&format!(
                "the server asks for {count} iterations over the password; {least} to {most} are accepted"
            )));
        }
        Told::Signature(_) | Told::Nothing => None,
    };
    let Some(iterations) = iterations else {
        return Err(broken("the server does not say how many iterations over the password it asks for"));
    };
    if second.salt != first.salt {
        return Err(broken("the server's two requests differ in their salt"));
    }
    let keys = Keys::new(first.kept, password.secret.expose_secret().as_bytes(), &second.salt, iterations);
    if !keys.signed(first.token, signature) {
        return Err(ConnectError::PasswordRejected {
            at: at.to_owned(),
            user: settings.user.clone(),
            source_of_password: password.source.clone(),
            message: "the server's signature was made with another password, so nothing was sent".to_owned(),
        });
    }
    let digits = to_hex(&keys.proof(second.token));
    let message = [&b"p"[..], &69_i32.to_be_bytes(), digits.as_bytes(), b"\0"].concat();
    link.write_all(&message).await.map_err(lost)?;
    match request(link).await.map_err(lost)? {
        Reply::Request(0, _) => Ok(()),
        Reply::Request(number, _) => Err(broken(&format!("another request ({number}) after the proof"))),
        Reply::Error(error) => Err(refused(&error, at, settings, Some(password))),
        Reply::Other(tag) => Err(broken(&format!("message {:?} after the proof", char::from(tag)))),
    }
}

/// The start-up message: what the driver says in its own, but for the protocol.
fn greeting(settings: &ConnInfo) -> Vec<u8> {
    let mut body = PROTOCOL.to_be_bytes().to_vec();
    let options = settings.options.as_deref().unwrap_or_default();
    for (name, value) in [
        ("client_encoding", "UTF8"),
        ("user", &settings.user),
        ("database", &settings.database),
        ("options", options),
        ("application_name", &settings.application_name),
    ] {
        if !value.is_empty() {
            body.extend_from_slice(name.as_bytes());
            body.push(0);
            body.extend_from_slice(value.as_bytes());
            body.push(0);
        }
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &body].concat()
}

/// A message of the server that counts during a login.
enum Reply {
    /// An authentication request, or that the login is accepted (0): its number, and the rest.
    Request(i32, Vec<u8>),
    /// It refuses.
    Error(ServerError),
    /// Something else, by its tag.
    Other(u8),
}

/// The next message but notices. Its length is bounded by the link.
async fn request(link: &mut Link) -> std::io::Result<Reply> {
    loop {
        let tag = link.read_u8().await?;
        let length = usize::try_from(link.read_u32().await?).unwrap_or(usize::MAX);
        let mut body = Vec::new();
        let wanted = length.saturating_sub(4) as u64;
        let read = link.take(wanted).read_to_end(&mut body).await?;
        if read as u64 != wanted {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match tag {
            b'N' => {}
            b'E' => return Ok(Reply::Error(ServerError::read(&body))),
            b'R' => match body.split_first_chunk::<4>() {
                Some((number, rest)) => {
                    return Ok(Reply::Request(i32::from_be_bytes(*number), rest.to_vec()));
                }
                None => return Ok(Reply::Other(tag)),
            },
            _ => return Ok(Reply::Other(tag)),
        }
    }
}

fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::from_hex;

    type Vector = (&'static [u8], &'static str, &'static str, u32, &'static str, &'static str);

    /// The same for a password kept as SM3, by Python's hashlib with OpenSSL.
    const OF_SM3: [Vector; 2] = [
        (
            b"Karbor_123",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "01020304",
            10_000,
            "ecf03b5665c2841cfba594acd5d45472e982b786aeebde197ecec603a7bd3743",
            "859e8ff25ecc957336e432ad398d9a10aac8bc3cc38d707f239e9f86596b2b8f",
        ),
        (
            "密码_Karbor1".as_bytes(),
            "941b7ecd47e5a3d6066847def67a662f539afe44c5bdf95d962f9dc785dd96f3",
            "0badf00d",
            2_048,
            "ae58adbc4039675a259039dd16d0fb177c3dbe7bbfd29a86e68473a57ed984a2",
            "28b54987c884b3dd0d1c3b8c7966a687713ff606899287175474616590a14930",
        ),
    ];

    /// Password, salt, token, iterations, server signature, proof; four implementations that share no code agree on them.
    const VECTORS: [Vector; 6] = [
        (
            b"Karbor_123",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "01020304",
            10_000,
            "5115d402015d6f1c8d9647c818b0b214c7d3a5acc63d635bf1db9e5bb1a77057",
            "43e77eecdfca0a0874a386cf2055b07b70762314b5c5a2ef118a6b57c38fccbe",
        ),
        (
            b"Karbor@123",
            "ffffffffffffffffffffffffffffffff00000000000000000000000000000000",
            "deadbeef",
            2_048,
            "c3f527504ee82e9e30aa77eed166ca05b74cd53b9e407212fab2497bab84f8cf",
            "439b14c519f863face53d88c9e3b9111caedcecf138e6aee98f3309f4f4bae55",
        ),
        (
            &[b'x'; 100],
            "63479ad69a090b258277ec8fba6f99419a2ffb248981510657c944ccd1148e97",
            "00000000",
            2_048,
            "b314896b46fbef6733f7eaf548b87bd48c56f417a4bf455c1aeebae839454349",
            "84acfc771749954a3883617e4d7d1342b656d130b599ad0172ab8b89ad0da078",
        ),
        (
            b"Gauss#Kernel-505",
            "ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5",
            "ffffffff",
            20_000,
            "119e9a87b9e22ea739e70e84055fa2595f35baf0380086480ad3642c9f46a485",
            "4c12e32202db4c5bbdd6bb03d1b2ca51ecf24e0eb65a2da922d1643ce8232abc",
        ),
        (
            "密码_Karbor1".as_bytes(),
            "941b7ecd47e5a3d6066847def67a662f539afe44c5bdf95d962f9dc785dd96f3",
            "0badf00d",
            10_000,
            "966dff749ca536b362c69222abbaeaf9a301504047aeacb2dfc9dcad72163715",
            "b0d9ad237e7a6bfa14aefeb3a35f9b1c5b1fff8e46426a8445100e421aec1b9c",
        ),
        (
            &[1, 2, 3, 4],
            "1111111111111111111111111111111111111111111111111111111111111111",
            "33333333",
            1,
            "e1d3dfc325d7c507674c430def98aa861220e0fc310f658c7975cee8c89790b7",
            "6308566b6ff5463d5bbcf7cbd95e2bf416a833994ea26d04d48f3b719d4b58fb",
        ),
    ];

    #[test]
    fn the_vectors() {
        let all = VECTORS.map(|vector| (Kept::Sha256, vector)).into_iter();
        for (kept, vector) in all.chain(OF_SM3.map(|vector| (Kept::Sm3, vector))) {
            let (password, salt, token, count, signature, proof) = vector;
            let count = NonZeroU32::new(count).unwrap();
            let keys = Keys::new(kept, password, &from_hex(salt.as_bytes()).unwrap(), count);
            let token = from_hex(token.as_bytes()).unwrap();
            assert!(keys.signed(token, &from_hex(signature.as_bytes()).unwrap()), "{salt}");
            assert_eq!(to_hex(&keys.proof(token)), proof, "{salt}");
            assert!(!keys.signed([9; 4], &from_hex(signature.as_bytes()).unwrap()));
        }
    }

    /// The two examples of GB/T 32905-2016, appendix A.
    #[test]
    fn sm3_is_the_standard_s() {
        for (text, digest) in [
            ("abc".to_owned(), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
            ("abcd".repeat(16), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
        ] {
            assert_eq!(to_hex(&Sm3::digest(text)), digest);
        }
    }

    #[test]
    fn requests_are_read_by_their_form() {
        let body =
            |stored: i32, rest: &[u8]| [&stored.to_be_bytes()[..], &[b'a'; 64], b"01020304", rest].concat();
        let told = |bytes: &[u8]| Challenge::read(Kept::Sha256, bytes).map(|challenge| challenge.told);
        assert_eq!(told(&body(2, &[b'f'; 64])), Some(Told::Signature([0xff; 32])));
        assert_eq!(told(&body(2, &10_000_i32.to_be_bytes())), Some(Told::Iterations(10_000)));
        assert_eq!(told(&body(0, b"")), Some(Told::Nothing));
        assert_eq!(Challenge::read(Kept::Sha256, &body(2, b"")).unwrap().token, [1, 2, 3, 4]);
        for other in
            [body(1, b""), body(2, b"x"), body(2, &[b'g'; 64]), b"SCRAM-SHA-256\0\0".to_vec(), Vec::new()]
        {
            assert_eq!(told(&other), None, "{other:?}");
        }
    }
}
