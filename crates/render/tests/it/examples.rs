//! What lies in the examples is what is rendered today, file by file, under the handbooks' names.
//!
//! Write it anew with `mainstay render -C examples/NAME`, or with `SNAPSHOTS=overwrite`.

use crate::support::{EXAMPLES, example, repository};
use mainstay_render::laid_out;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_files_of_the_examples_are_what_is_rendered() {
    let anew = std::env::var_os("SNAPSHOTS").is_some_and(|what| what == "overwrite");
    let mut stale = Vec::new();
    for name in EXAMPLES {
        let (files, problems) = laid_out(&example(name));
        assert!(!problems.has_errors(), "{name}: {problems}");
        assert!(files.len() > 20, "{name} lays out {} files", files.len());
        for (path, file) in files {
            let place = repository().join("examples").join(name).join(&path);
            let text = std::fs::read_to_string(&place).unwrap_or_default();
            let data = std::fs::metadata(&place);
            let executable = data.is_ok_and(|data| data.permissions().mode() & 0o100 != 0);
            if text == file.text && executable == file.executable {
                continue;
            }
            if anew {
                let folder = place.parent().expect("a folder");
                std::fs::create_dir_all(folder).expect("a folder");
                std::fs::write(&place, &file.text).expect("a file");
                let mode = if file.executable { 0o755 } else { 0o644 };
                let mode = std::fs::Permissions::from_mode(mode);
                std::fs::set_permissions(&place, mode).expect("its mode");
            } else {
                stale.push(format!("examples/{name}/{path}"));
            }
        }
    }
    assert!(
        stale.is_empty(),
        "mend: mainstay render -C examples/NAME\n{}",
        stale.join("\n")
    );
}
