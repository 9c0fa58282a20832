//! Opens the connection to one address: socket, keepalives, and the question whether the server has TLS.
//!
//! Source: PostgreSQL documentation, "SSL Session Encryption" in the chapter on the protocol.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::conninfo::ConnInfo;
use super::error::ConnectError;
use super::link::Carrier;
use super::tls::Connector;
use crate::values::{Host, Place};

/// What a client sends to ask for TLS: the length of the message, and a code in place of a protocol version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// One place to connect to, with nothing left to resolve.
#[derive(Clone, Debug)]
pub(super) struct Address {
    endpoint: Endpoint,
    /// The host as the target has it.
    name: String,
    /// The place in messages: `db1 (10.0.0.5):5432`, or the path of a socket.
    pub(super) at: String,
}

#[derive(Clone, Debug)]
enum Endpoint {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Whether to encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// Not at all.
    Without,
    /// If the server has TLS.
    IfOffered,
    /// Or fail; the `sslmode` that says so is for the message.
    Required(&'static str),
}

impl Address {
    /// All addresses of a host, in the order to try them.
    pub(super) async fn all_of(host: &Host) -> Result<Vec<Address>, ConnectError> {
        let port = host.port;
        let name = host.name.clone();
        let address = |ip: IpAddr| {
            let endpoint = SocketAddr::new(ip, port);
            let at =
                if name == ip.to_string() { endpoint.to_string() } else { format!("{name} ({ip}):{port}") };
            Address { endpoint: Endpoint::Tcp(endpoint), name: name.clone(), at }
        };
        match &host.place {
            Place::Socket(folder) => {
                let path = folder.join(format!(".s.PGSQL.{port}"));
                let at = path.display().to_string();
                Ok(vec![Address { endpoint: Endpoint::Unix(path), name: name.clone(), at }])
            }
            Place::Address(ip) => Ok(vec![address(*ip)]),
            Place::Name(name) => {
                let failed = |problem: String| ConnectError::Resolve { host: name.clone(), problem };
                let found = resolve(name.clone(), port).await.map_err(|error| failed(error.to_string()))?;
                let addresses: Vec<_> = found.into_iter().map(|found| address(found.ip())).collect();
                if addresses.is_empty() { Err(failed("it has no address".to_owned())) } else { Ok(addresses) }
            }
        }
    }

    /// Whether it is a unix socket, where TLS is neither needed nor spoken.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.endpoint, Endpoint::Unix(_))
    }

    /// Opens a connection. `true` beside it says that it is inside TLS.
    pub(super) async fn open(
        &self,
        settings: &ConnInfo,
        connector: Option<&Connector>,
        encryption: Encryption,
    ) -> Result<(Carrier, bool), ConnectError> {
        let unreachable =
            |error: io::Error| ConnectError::Unreachable { at: self.at.clone(), problem: error.to_string() };
        let address = match &self.endpoint {
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(unreachable)?;
                return Ok((Carrier::Unix(stream), false));
            }
            Endpoint::Tcp(address) => address,
        };
        let mut stream = TcpStream::connect(address).await.map_err(unreachable)?;
        configure(&stream, settings).map_err(unreachable)?;
        let Some(connector) = connector.filter(|_| encryption != Encryption::Without) else {
            return Ok((Carrier::Tcp(stream), false));
        };
        if self.offers_tls(&mut stream).await? {
            let stream = connector.clone().handshake(stream, &self.name, address.ip(), &self.at).await?;
            return Ok((Carrier::Tls(Box::new(stream)), true));
        }
        match encryption {
            Encryption::Required(mode) => Err(ConnectError::TlsNotOffered { at: self.at.clone(), mode }),
            Encryption::Without | Encryption::IfOffered => Ok((Carrier::Tcp(stream), false)),
        }
    }

    /// Asks the server for TLS. It answers with one byte.
    async fn offers_tls(&self, stream: &mut TcpStream) -> Result<bool, ConnectError> {
        let not_postgres = |problem: String| ConnectError::NotPostgres { at: self.at.clone(), problem };
        let mut answer = [0];
        let exchange = async {
            stream.write_all(&SSL_REQUEST).await?;
            stream.read_exact(&mut answer).await
        };
        match exchange.await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(ConnectError::Lost {
                    at: self.at.clone(),
                    problem: "the server closed it when asked for TLS".to_owned(),
                });
            }
            Err(error) => return Err(ConnectError::Lost { at: self.at.clone(), problem: error.to_string() }),
        }
        match answer {
            [b'S'] => Ok(true),
            [b'N'] => Ok(false),
            // An error in clear, before anybody is known: not to be believed, so not to be shown.
            [b'E'] => Err(ConnectError::NotReady {
                at: self.at.clone(),
                message: "it answered the request for TLS with an error".to_owned(),
            }),
            [other] => {
                Err(not_postgres(format!("it answered the request for TLS with {:?}", char::from(other))))
            }
        }
    }
}

fn configure(stream: &TcpStream, settings: &ConnInfo) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    if let Some(keepalive) = settings.keepalive {
        let probes = TcpKeepalive::new()
            .with_time(keepalive.idle)
            .with_interval(keepalive.interval)
            .with_retries(keepalive.count);
        socket.set_tcp_keepalive(&probes)?;
    }
    #[cfg(target_os = "linux")]
    if let Some(timeout) = settings.tcp_user_timeout {
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    Ok(())
}

/// The addresses of a name. The system's resolver blocks, so that it gets a thread of its own; the runtime's would panic
/// where none can be made.
async fn resolve(name: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (found, wait) = tokio::sync::oneshot::channel();
    let resolve = move || drop(found.send((name.as_str(), port).to_socket_addrs().map(Iterator::collect)));
    std::thread::Builder::new().name("resolver".to_owned()).spawn(resolve)?;
    wait.await.map_err(io::Error::other)?
}
