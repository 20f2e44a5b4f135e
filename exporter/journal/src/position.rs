//! How far the journal had been read at the last scrape, kept in `--state.dir` so that a restart neither
//! loses entries nor counts them twice.
//!
//! What Prometheus has seen of a process that ends is its last scrape. So the next one begins behind
//! that: not behind what was read since, which nobody has seen, also where it ends in order.

use collect::StateDir;
use journal_reader::Position;

/// The text's name in the directory.
const NAME: &str = "journal.position";

/// What went wrong with positions, as counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PositionErrors {
    /// The text could not be read or understood.
    pub(crate) load: u64,
    /// The text could not be written.
    pub(crate) save: u64,
    /// The journal does not continue what the text says.
    pub(crate) lost: u64,
}

/// Keeps the position.
#[derive(Debug)]
pub(crate) struct Keeper {
    dir: Option<StateDir>,
    saved: Position,
    /// The last fault, so that each is told once.
    fault: Option<String>,
    pub(crate) errors: PositionErrors,
}

// === impl Keeper ===

impl Keeper {
    /// `errors` are those of a keeper before.
    pub(crate) fn new(dir: Option<StateDir>, errors: PositionErrors) -> Self {
        Self { dir, saved: Position::default(), fault: None, errors }
    }

    /// The position that was kept. One that cannot be understood is told and left alone.
    pub(crate) fn load(&mut self) -> Option<Position> {
        let text = match self.dir.as_ref()?.read(NAME) {
            Ok(text) => text?,
            Err(error) => {
                self.errors.load += 1;
                tracing::warn!(%error, "the journal's position cannot be read; events are looked back for");
                return None;
            }
        };
        match text.parse() {
            Ok(position) => Some(position),
            Err(error) => {
                self.errors.load += 1;
                tracing::warn!(%error, "the journal's position is not understood; events are looked back for");
                None
            }
        }
    }

    /// Writes the position where it has changed.
    pub(crate) fn save(&mut self, position: Position) {
        let Some(dir) = &self.dir else { return };
        if position == self.saved || position.is_empty() {
            return;
        }
        match dir.write(NAME, &position.to_string()) {
            Ok(()) => {
                self.saved = position;
                if self.fault.take().is_some() {
                    tracing::info!("the journal's position is kept again");
                }
            }
            Err(error) => {
                self.errors.save += 1;
                let fault = error.to_string();
                if self.fault.as_ref() != Some(&fault) {
                    tracing::warn!(
                        error = fault,
                        "the journal's position is not kept: a restart will not find it"
                    );
                    self.fault = Some(fault);
                }
            }
        }
    }
}
