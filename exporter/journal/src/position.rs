//! How far the journal has been read, kept in `--state.dir` so that a restart neither loses entries nor
//! counts them twice.

use collect::StateDir;
use journal_reader::Position;
use std::time::{Duration, Instant};

/// The text's name in the directory.
const NAME: &str = "journal.position";
/// How often it is written at most.
const EVERY: Duration = Duration::from_secs(5);

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
    due: Instant,
    /// The last fault, so that each is told once.
    fault: Option<String>,
    pub(crate) errors: PositionErrors,
}

// === impl Keeper ===

impl Keeper {
    pub(crate) fn new(dir: Option<StateDir>) -> Self {
        let (saved, errors) = (Position::default(), PositionErrors::default());
        Self { dir, saved, due: Instant::now() + EVERY, fault: None, errors }
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

    /// Writes the position where it has changed, every few seconds or `now`.
    pub(crate) fn save(&mut self, position: impl FnOnce() -> Position, now: bool) {
        let Some(dir) = &self.dir else { return };
        if !now && Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + EVERY;
        let position = position();
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
