//! SSH servers of the tests' own, for what no real one can be set to.

use super::stage::shared;
use russh::keys::load_secret_key;
use russh::server::{Config, Handler, run_stream};
use std::sync::Arc;
use std::time::Duration;

/// Serves on a free port of 127.0.0.1, which is answered, as long as the tests run. The host key is that of the shared node.
pub(super) fn serve<H: Handler + Clone + Send + 'static>(handler: &H, config: Config) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let key = load_secret_key(shared().user_key().with_file_name("host_key"), None).unwrap();
    let config = Arc::new(Config { keys: vec![key], auth_rejection_time: Duration::ZERO, ..config });
    let handler = handler.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (config, handler) = (Arc::clone(&config), handler.clone());
                tokio::spawn(async move {
                    if let Ok(session) = run_stream(config, stream, handler).await {
                        drop(session.await);
                    }
                });
            }
        });
    });
    port
}
