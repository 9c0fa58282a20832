//! A connection between a run and its server that breaks at COMMIT, before or after the server hears of it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// When the connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// COMMIT never reaches the server.
    BeforeCommit,
    /// The server commits, and its answer is lost.
    AfterCommit,
}

/// COMMIT as a simple query, the way it travels.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Listens on a port of 127.0.0.1 and passes connections on to `server`; the first COMMIT breaks its connection, and those
/// that come later are passed on whole.
pub(crate) fn start(server: u16, when: Break) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let broke = Arc::new(AtomicBool::new(false));
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            pass(client, server, when, &broke);
        }
    });
    port
}

fn pass(client: TcpStream, server: TcpStream, when: Break, broke: &Arc<AtomicBool>) {
    let silent = Arc::new(AtomicBool::new(false));
    let (mut from, mut to, broke) =
        (client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(broke));
    let breaking = Arc::clone(&silent);
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let bytes = &buffer[..read];
            if bytes.ends_with(COMMIT) && !broke.swap(true, Ordering::SeqCst) {
                breaking.store(true, Ordering::SeqCst);
                if when == Break::BeforeCommit {
                    break;
                }
            }
            if to.write_all(bytes).is_err() {
                return;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
    let (mut from, mut to) = (server, client);
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            // What comes now is the answer to COMMIT.
            if silent.load(Ordering::SeqCst) || to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
