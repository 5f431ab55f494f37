//! What fuzzing begins with and what it found, replayed.

use mainstay_template::alertmanager::{Data, LabelMap, Renderer, templates};
use mainstay_template::limits;
use mainstay_template::prometheus::{Annotation, Expansion, NoQueries};
use std::path::Path;

#[test]
fn no_input_of_the_corpus_harms() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/template");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(annotation) = Annotation::parse("corpus", &text) {
            let _ = annotation.expand(&Expansion::new(&NoQueries));
        }
        let data = Data::new("corpus", "http://x", LabelMap::new(), Vec::new());
        let mut named = templates();
        let _ = named.add("file", &text);
        let renderer = Renderer::new(&named, &data, 0);
        for rendered in [renderer.text("a", &text), renderer.html("a", &text)] {
            assert!(rendered.map_or(0, |text| text.len()) <= limits::OUTPUT_BYTES);
        }
        count += 1;
    }
    assert!(count >= 7);
}
