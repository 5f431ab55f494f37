//! Any text as a template: no panic, no endless work, nothing over the bounds. What is escaped for
//! HTML never opens a tag by a value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_template::alertmanager::{Alert, Data, Renderer, Status, templates};
use mainstay_template::prometheus::{Annotation, Expansion, LabelMap, Query};
use mainstay_template::{Time, limits};

struct Series;

impl Query for Series {
    fn query(&self, _: &str) -> Result<Vec<(LabelMap, f64)>, String> {
        let labels = LabelMap::from([("a".to_owned(), "b".to_owned())]);
        Ok(vec![(labels.clone(), 1.5), (labels, f64::NAN)])
    }
}

fuzz_target!(|text: &str| {
    if let Ok(annotation) = Annotation::parse("fuzz", text) {
        let mut expansion = Expansion::new(&Series);
        expansion.value = 1234.5;
        expansion.labels.insert("job".to_owned(), "we<b".to_owned());
        let _ = annotation.expand(&expansion);
    }
    let labels = LabelMap::from([("alertname".to_owned(), "<i>".to_owned())]);
    let alert = |status| Alert {
        status,
        labels: labels.clone(),
        annotations: labels.clone(),
        starts_at: Time::zero(),
        ends_at: Time::zero(),
        generator_url: String::new(),
        fingerprint: String::new(),
    };
    let alerts = vec![alert(Status::Firing), alert(Status::Resolved)];
    let data = Data::new("fuzz", "http://x", labels.clone(), alerts);
    let mut named = templates();
    let _ = named.add("file", text);
    let renderer = Renderer::new(&named, &data, 0);
    for rendered in [renderer.text("fuzz", text), renderer.html("fuzz", text)] {
        if let Ok(rendered) = rendered {
            assert!(rendered.len() <= limits::OUTPUT_BYTES);
        }
    }
});
