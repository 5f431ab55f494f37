//! Arguments of `health`.

use clap::Args;
use mainstay_model::parse_duration;
use std::path::PathBuf;
use std::time::Duration;

/// Shorter would measure little but itself.
const SHORTEST: Duration = Duration::from_secs(1);

/// `health`
#[derive(Debug, Clone, Args)]
pub struct HealthArguments {
    /// Thresholds: default, deep-echo, rag-admin, whisper-transcriber, whispercache, whisperengine
    /// (default: the one that is called like the stack, else `default`)
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// A threshold of your own: `system.cpu=75%`, or with a critical level `system.cpu=75%:90%`; several may be given
    #[arg(long = "threshold", value_name = "CHECK=WARNING[:CRITICAL]")]
    pub thresholds: Vec<String>,
    /// Look again and again, until Ctrl-C
    #[arg(long)]
    pub continuous: bool,
    /// Between two looks: seconds, or `1m`
    #[arg(long, value_name = "SECONDS", value_parser = interval, default_value = "30", requires = "continuous")]
    pub interval: Duration,
    /// Write a Markdown report to this file, in the place of the one before
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// `30` as the guide's script has it, or a duration.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = match text.parse::<u32>() {
        Ok(seconds) => Duration::from_secs(seconds.into()),
        Err(_) => parse_duration(text).map_err(|error| error.to_string())?,
    };
    if interval < SHORTEST {
        return Err(format!(
            "at least {} s lie between two looks",
            SHORTEST.as_secs()
        ));
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_seconds_or_a_duration() {
        assert_eq!(interval("30"), Ok(Duration::from_secs(30)));
        assert_eq!(interval("1m"), Ok(Duration::from_mins(1)));
        assert!(interval("0").is_err() && interval("100ms").is_err() && interval("soon").is_err());
    }
}
