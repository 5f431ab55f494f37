//! Progress of long work, on standard error: a spinner in a terminal, plain lines in a pipe.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);

/// One piece of long work. Ends quietly when dropped.
#[derive(Debug)]
pub struct Progress {
    output: Output,
    spinner: Option<ProgressBar>,
}

impl Progress {
    pub fn new(output: Output) -> Self {
        let spinner = output.live.then(|| {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(TICK);
            spinner
        });
        Self { output, spinner }
    }

    pub fn side(&self) -> crate::look::Look {
        self.output.side
    }

    /// Whether [`now`](Self::now) is seen by anybody.
    pub fn is_live(&self) -> bool {
        self.spinner.is_some()
    }

    /// What goes on at this moment; replaces what was said before. Not shown in a pipe.
    pub fn now(&self, text: impl Into<String>) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(text.into());
        }
    }

    /// Something that stays on the screen.
    pub fn line(&self, text: &str) {
        match &self.spinner {
            Some(spinner) => spinner.suspend(|| self.output.note(text)),
            None => self.output.note(text),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}
