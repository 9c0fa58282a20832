//! A connection between `etl` and its server that breaks at a given message, and a list of the messages that pass.
//!
//! It understands as much of the protocol (PostgreSQL documentation, "Message Formats") as it takes to tell one message of
//! the client from the next: after a start-up message without a tag, each is a tag, four bytes of length, and a body.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Where a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The message never reaches the server.
    Before,
    /// Half of it does.
    Within,
    /// All of it does, and nothing that the server says afterwards comes back.
    After,
    /// The connection stays open on both sides, and carries nothing any more.
    Hole(Hole),
}

/// What becomes silent, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    /// Whether the message still reaches the server, so that only answers are swallowed.
    pub(crate) delivered: bool,
    /// Whether connections that are made later are swallowed too.
    pub(crate) others_too: bool,
}

/// What is done in the moment when the connection breaks, before the client can notice.
type Meanwhile = Box<dyn Fn() + Send>;

/// The break that is to come.
struct Plan {
    /// The message, counted over all connections from 0.
    message: usize,
    cut: Cut,
    meanwhile: Meanwhile,
}

#[derive(Default)]
struct State {
    seen: Vec<String>,
    plan: Option<Plan>,
    /// Whether new connections are accepted, and nothing is done with them.
    closed_to_new: bool,
}

/// How long the server may take to answer a message after which the connection is cut.
const ANSWER: Duration = Duration::from_secs(30);

/// A port that leads to a server.
pub(crate) struct Wire {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Wire {
    /// Passes everything on to the server at `port`, whatever number of connections there are.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::<Mutex<State>>::default();
        let wire = Self { port: listener.local_addr().unwrap().port(), state: Arc::clone(&state) };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                // Messages are passed on one by one; waiting for acknowledgements would take 40 ms each.
                client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).unwrap();
                let state = Arc::clone(&state);
                if state.lock().unwrap().closed_to_new {
                    thread::spawn(move || swallow(client));
                } else {
                    thread::spawn(move || pass(client, server, &state));
                }
            }
        });
        wire
    }

    /// The database behind it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Breaks the connection once, at the `message`th message from now on.
    pub(crate) fn cut(&self, message: usize, cut: Cut) {
        self.cut_while(message, cut, || {});
    }

    /// The same; `meanwhile` is done before the client notices.
    pub(crate) fn cut_while(&self, message: usize, cut: Cut, meanwhile: impl Fn() + Send + 'static) {
        let mut state = self.state.lock().unwrap();
        state.seen.clear();
        state.closed_to_new = false;
        state.plan = Some(Plan { message, cut, meanwhile: Box::new(meanwhile) });
    }

    /// The messages that came since the last call or cut, each by what it says: `start`, `COPY data`, or SQL.
    pub(crate) fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }

    /// Whether the break that was planned came about.
    pub(crate) fn is_cut(&self) -> bool {
        self.state.lock().unwrap().plan.is_none()
    }
}

/// A message of the client, whole.
struct Message {
    bytes: Vec<u8>,
    says: Option<String>,
}

fn pass(client: TcpStream, server: TcpStream, state: &Mutex<State>) {
    let (answers, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let deaf = Arc::new(Mutex::new(false));
    let back = {
        let deaf = Arc::clone(&deaf);
        thread::spawn(move || pass_back(answers, to_client, &deaf))
    };
    let broke = pass_on(&client, &server, state, &deaf).unwrap_or(None);
    let (cut, meanwhile) = match broke {
        Some(Plan { cut, meanwhile, .. }) => (Some(cut), Some(meanwhile)),
        None => (None, None),
    };
    if let Some(Cut::Hole(_)) = cut {
        swallow(client);
        // The server is told nothing.
        thread::park();
        return;
    }
    if cut == Some(Cut::After) {
        // Its first answer says that the server has the message; the thread ends there.
        let begun = Instant::now();
        while !back.is_finished() && begun.elapsed() < ANSWER {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    if let Some(meanwhile) = meanwhile {
        meanwhile();
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// Passes the client's messages on; answers the break if that is how it ended.
fn pass_on(
    mut client: &TcpStream,
    mut server: &TcpStream,
    state: &Mutex<State>,
    deaf: &Mutex<bool>,
) -> io::Result<Option<Plan>> {
    let (mut first, mut parsed) = (true, String::new());
    let mut bytes = Vec::new();
    loop {
        let Message { bytes: message, says } = read(&mut client, first, &mut parsed)?;
        first = false;
        let tag = message[0];
        bytes.extend(message);
        // These go with the Sync that ends them: the server begins a COPY at Execute, and does not answer the Sync after it.
        if matches!(tag, b'P' | b'B' | b'D' | b'E' | b'C') {
            continue;
        }
        let bytes = std::mem::take(&mut bytes);
        let mut plan = None;
        if let Some(says) = says {
            let mut state = state.lock().unwrap();
            let number = state.seen.len();
            state.seen.push(says);
            plan = state.plan.take_if(|plan| plan.message == number);
        }
        let Some(plan) = plan else {
            server.write_all(&bytes)?;
            continue;
        };
        // A server says nothing to rows, and nothing to their end before a Sync.
        let unanswered = matches!(tag, b'd' | b'c');
        match plan.cut {
            Cut::Before => {}
            Cut::Within => server.write_all(&bytes[..bytes.len() / 2])?,
            Cut::After => {
                *deaf.lock().unwrap() = true;
                server.write_all(&bytes)?;
                if unanswered {
                    server.shutdown(Shutdown::Both)?;
                }
            }
            Cut::Hole(hole) => {
                *deaf.lock().unwrap() = true;
                state.lock().unwrap().closed_to_new = hole.others_too;
                if hole.delivered {
                    server.write_all(&bytes)?;
                }
            }
        }
        return Ok(Some(plan));
    }
}

/// Reads until the client goes, and does nothing with it.
fn swallow(mut client: TcpStream) {
    let _ = io::copy(&mut client, &mut io::sink());
}

fn pass_back(mut server: TcpStream, mut client: TcpStream, deaf: &Mutex<bool>) {
    let mut buffer = [0; 65536];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        if *deaf.lock().unwrap() || client.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
    let _ = client.shutdown(Shutdown::Write);
}

/// Reads one message. Of those of the extended protocol the server answers none before the Sync, so that one alone counts; it
/// says the SQL that was `parsed`.
fn read(client: &mut &TcpStream, first: bool, parsed: &mut String) -> io::Result<Message> {
    let mut bytes = vec![0; if first { 4 } else { 5 }];
    client.read_exact(&mut bytes)?;
    let (head, tag) = if first { (0, 0) } else { (1, bytes[0]) };
    let length = u32::from_be_bytes(bytes[head..head + 4].try_into().unwrap());
    let body = bytes.len();
    bytes.resize(head + usize::try_from(length).unwrap(), 0);
    client.read_exact(&mut bytes[body..])?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
    let says = match tag {
        0 => Some("start".to_owned()),
        b'Q' => Some(text(&bytes[body..])),
        b'P' => {
            *parsed = text(bytes[body..].split(|byte| *byte == 0).nth(1).unwrap_or_default());
            None
        }
        b'S' => Some(parsed.clone()),
        b'd' => Some("COPY data".to_owned()),
        b'c' => Some("COPY done".to_owned()),
        b'X' => Some("end".to_owned()),
        _ => None,
    };
    Ok(Message { bytes, says })
}
