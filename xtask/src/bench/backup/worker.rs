//! Our worker, spoken to over its pipes as the server does (`crates/backup/src/worker/frame.rs`).

use super::{KEY, data, measure};
use anyhow::{Context, Result, bail};
use measure::Measured;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

const JOB: u8 = 1;
const DATA: u8 = 2;
const WHOLE: u8 = 3;
const DONE: u8 = 6;
const FAILED: u8 = 7;

/// Of data in one frame, in bytes.
const FRAME: usize = 256 << 10;

const TREE: &str = "/tree";

pub(super) struct Worker {
    program: Vec<String>,
    dir: PathBuf,
}

impl Worker {
    pub(super) fn new(program: &str, dir: &Path) -> Result<Self> {
        let worker = Self {
            program: program.split_whitespace().map(str::to_owned).collect(),
            dir: dir.to_path_buf(),
        };
        worker.ask(&json!({ "open": { "create": true } }), dir, 0)?;
        Ok(worker)
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.dir.join("repository")
    }

    pub(super) fn save(&self, source: &Path) -> Result<Measured> {
        let tree = json!({ "root": source, "exclude": [] });
        let job = json!({ "save-tree": { "new": new(TREE), "tree": tree } });
        Ok(self.ask(&job, &self.dir, 0)?.0)
    }

    pub(super) fn restore(&self, target: &Path) -> Result<Measured> {
        let rows = self.ask(&json!("list"), &self.dir, 0)?.1;
        let latest = rows.as_array().and_then(|rows| rows.last());
        let snapshot = &latest.context("no snapshot was made")?["snapshot"];
        let job = json!({ "snapshot": snapshot, "path": TREE, "into": target });
        Ok(self.ask(&json!({ "load-tree": job }), &self.dir, 0)?.0)
    }

    pub(super) fn stream(&self, bytes: u64) -> Result<Measured> {
        let job = json!({ "save-stream": { "new": new("/stream") } });
        Ok(self.ask(&job, &self.dir, bytes)?.0)
    }

    /// Gives a job, and so many bytes of a stream.
    fn ask(&self, job: &Value, on: &Path, bytes: u64) -> Result<(Measured, Value)> {
        let (program, arguments) = self.program.split_first().context("no worker is named")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // As the client sets it.
        command.env("MALLOC_ARENA_MAX", "2");
        measure::sync(on)?;
        let child = command.spawn();
        let mut child = child.with_context(|| format!("cannot start {program}"))?;
        let mut stdin = child.stdin.take().context("the worker has no input")?;
        let mut stdout = child.stdout.take().context("the worker has no output")?;
        let at = json!({
            "store": { "directory": self.repository() }, "key": KEY,
            "compression": null, "bandwidth": null,
        });
        let order = json!({ "at": at, "locks": self.dir, "job": job });
        let mut answer = Value::Null;
        let measured = measure::child(child, on, || {
            frame(&mut stdin, JOB, order.to_string().as_bytes())?;
            if bytes > 0 {
                let mut frames = Frames(&mut stdin);
                data::stream(bytes, &mut frames)?;
                frame(&mut stdin, WHOLE, b"")?;
            }
            answer = outcome(&mut stdout)?;
            Ok(())
        })?;
        Ok((measured, answer))
    }
}

fn new(path: &str) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs() % 86_400);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let time = format!("2026-11-27T{hours:02}:{minutes:02}:{:02}Z", seconds % 60);
    json!({ "host": "bench", "tags": [], "path": path, "time": time })
}

fn frame(to: &mut impl Write, kind: u8, payload: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(std::io::Error::other)?;
    to.write_all(&[kind])?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(payload)
}

fn outcome(from: &mut ChildStdout) -> Result<Value> {
    loop {
        let mut head = [0; 5];
        from.read_exact(&mut head).context("the worker ended")?;
        let [kind, length @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes(length) as usize];
        from.read_exact(&mut payload)?;
        match kind {
            DONE => return Ok(serde_json::from_slice(&payload)?),
            FAILED => bail!("{}", String::from_utf8_lossy(&payload)),
            _ => {}
        }
    }
}

/// A stream in frames.
struct Frames<'a, W>(&'a mut W);

impl<W: Write> Write for Frames<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = bytes.len().min(FRAME);
        frame(self.0, DATA, &bytes[..length])?;
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
