//! The end of what a command said on standard error.

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::JoinHandle;

/// Kept of it, in bytes.
const KEPT: usize = 8 << 10;

/// Lines that stand in a message.
const LINES: usize = 4;

/// For the stream to close once the command has ended; something that it left behind may hold it.
const CLOSE: std::time::Duration = std::time::Duration::from_secs(2);

/// Reads standard error to its end, so that no command waits for it, and keeps the last of it.
#[derive(Debug)]
pub(crate) struct Stderr {
    task: JoinHandle<()>,
    kept: std::sync::Arc<parking_lot::Mutex<Vec<u8>>>,
}

impl Stderr {
    pub(crate) fn read(mut stream: Box<dyn AsyncRead + Send + Unpin>) -> Self {
        let kept = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
        let shared = std::sync::Arc::clone(&kept);
        let task = tokio::spawn(async move {
            let mut chunk = vec![0; KEPT];
            while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                let mut kept = shared.lock();
                kept.extend_from_slice(&chunk[..count]);
                let over = kept.len().saturating_sub(KEPT);
                kept.drain(..over);
            }
        });
        Self { task, kept }
    }

    /// The last lines, joined; empty where nothing was said. Answers also where the stream stays open.
    pub(crate) async fn end(mut self) -> String {
        let _ = tokio::time::timeout(CLOSE, &mut self.task).await;
        let kept = self.kept.lock();
        last_lines(&String::from_utf8_lossy(&kept))
    }
}

impl Drop for Stderr {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Stderr};

    #[tokio::test]
    async fn only_the_end_is_kept() {
        let text = format!("{}\nlast but one\n\nlast\n", "x".repeat(3 * KEPT));
        let stderr = Stderr::read(Box::new(std::io::Cursor::new(text.into_bytes())));
        let end = stderr.end().await;
        assert!(end.ends_with("last but one; last"), "{end}");
        assert!(end.len() <= KEPT);
    }
}
