//! How what works on other machines (a purge, dumping) is told to stop: first nothing more is begun, then, if asked again,
//! what is under way is left to itself.

use tokio::sync::watch::{Receiver, Sender, channel};

/// How far the work is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stopping {
    /// Not at all.
    No,
    /// Nothing more is begun; what is under way is awaited.
    Draining,
    /// At once.
    Now,
}

/// Asks for a stop; another thread may do it.
#[derive(Debug)]
pub struct Stop(Sender<(Stopping, &'static str)>);

impl Default for Stop {
    fn default() -> Self {
        Self(channel((Stopping::No, "")).0)
    }
}

impl Stop {
    /// Asks once more, because of `reason` (`SIGINT`, say); answers how far the work is to stop now.
    pub fn ask(&self, reason: &'static str) -> Stopping {
        self.0.send_modify(|(state, why)| {
            *state = if *state == Stopping::No { Stopping::Draining } else { Stopping::Now };
            *why = reason;
        });
        self.state()
    }

    /// Nothing more is to be begun, because of `reason`; a stop that was asked for already stays as it is.
    pub fn drain(&self, reason: &'static str) {
        if self.state() == Stopping::No {
            self.ask(reason);
        }
    }

    /// How far the work is to stop.
    #[must_use]
    pub fn state(&self) -> Stopping {
        self.0.borrow().0
    }

    /// Why it is to stop, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        let (state, reason) = *self.0.borrow();
        (state != Stopping::No).then_some(reason)
    }

    /// Waits until the work is to stop at least this far.
    pub async fn reached(&self, least: Stopping) {
        let mut changes: Receiver<_> = self.0.subscribe();
        // The sender lives as long as self: there is no error.
        let _ = changes.wait_for(|(state, _)| *state >= least).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_request_is_the_stronger_one() {
        let stop = Stop::default();
        assert_eq!((stop.state(), stop.reason()), (Stopping::No, None));
        assert_eq!(stop.ask("SIGTERM"), Stopping::Draining);
        stop.reached(Stopping::Draining).await;
        stop.drain("the disk is full");
        assert_eq!((stop.state(), stop.reason()), (Stopping::Draining, Some("SIGTERM")));
        assert_eq!(stop.ask("SIGINT"), Stopping::Now);
        assert_eq!(stop.ask("SIGINT"), Stopping::Now);
        stop.reached(Stopping::Now).await;
    }
}
