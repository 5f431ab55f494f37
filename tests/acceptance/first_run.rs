//! What a newcomer does first, with the example that the README names.

use crate::site::Site;

/// A second of silence, half a second of tone, half a second of silence: 16-bit mono, 8 kHz.
pub(crate) fn recording() -> Vec<u8> {
    let rate = 8000_u32;
    let samples = (0..rate * 2).map(|at| {
        let tone = (rate..rate * 3 / 2).contains(&at);
        let phase = f64::from(at) * 440.0 * std::f64::consts::TAU / f64::from(rate);
        if tone {
            (phase.sin() * 12_000.0) as i16
        } else {
            0
        }
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    for word in [1_u16, 1] {
        wav.extend(word.to_le_bytes());
    }
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * 2).to_le_bytes());
    for word in [2_u16, 16] {
        wav.extend(word.to_le_bytes());
    }
    wav.extend(b"data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    wav
}

/// An uploaded recording comes back with its segments, through the proxy.
#[test]
fn a_recording_comes_back_with_its_segments() {
    let site = Site::sample();
    site.up();
    let accepted = site.request("POST", "/jobs", &recording());
    assert!((200..300).contains(&accepted.status), "{accepted:?}");
    let id = accepted.json()["id"].as_str().unwrap().to_owned();
    let mut job = serde_json::Value::Null;
    site.eventually("the job is done", || {
        job = site.get(&format!("/jobs/{id}")).json();
        job["state"] == "done"
    });
    let segments = job["result"]["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 1, "{job}");
    let at = |name: &str| segments[0][name].as_f64().unwrap();
    assert!((at("start_s") - 1.0).abs() < 0.1, "{job}");
    assert!((at("end_s") - 1.5).abs() < 0.1, "{job}");
}

/// Everything that can be asked of a running stack answers, for people and for programs.
#[test]
fn every_question_has_an_answer() {
    let site = Site::sample();
    site.run(&["status"]).with_code(1).says("mainstay up");
    site.run(&["check"]).with_code(0);
    assert!(site.ok(&["config"]).contains("FAULTS_ENABLED"));
    site.up();
    assert!(site.ok(&["status"]).contains("2/2"));
    assert!(site.ok(&["ps"]).contains("app-r1-1"));
    assert!(site.ok(&["ps"]).contains("healthy"));
    assert!(site.ok(&["releases"]).contains("r1"));
    assert!(site.ok(&["logs"]).contains("app-r1-1"));
    assert_eq!(
        site.json(&["ps"]).as_array().map(Vec::is_empty),
        Some(false)
    );
    let said = site.ok(&[
        "exec",
        "app",
        "--",
        "sh",
        "-c",
        "echo $MAINSTAY_SERVICE on $PORT",
    ]);
    assert!(said.starts_with("app on "), "{said}");
    site.run(&["exec", "app", "--", "sh", "-c", "exit 7"])
        .with_code(7);
    site.run(&["logs", "ap"])
        .with_code(2)
        .says("did you mean `app`");
    site.run(&["rollback"])
        .with_code(1)
        .says("no earlier release");
    let token = site.json(&["token", "create", "ci", "--role", "viewer"]);
    let secret = token["secret"].as_str().unwrap().to_owned();
    assert!(site.ok(&["token", "list"]).contains("ci"));
    assert!(!site.events().join("\n").contains(&secret));
    let data = mainstay_server::paths::DataDirectory::of_stack(site.path()).unwrap();
    assert!(data.runtime().exists());
    site.ok(&["down"]);
    site.eventually("the runtime directory is gone", || !data.runtime().exists());
}
