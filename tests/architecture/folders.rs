//! A folder is small enough to be read at a glance (CONTRIBUTING.md).

use std::collections::BTreeMap;

use super::source::SourceFile;

/// The number of source files that may lie directly in a folder.
const MAX_FILES: usize = 12;

#[test]
fn no_folder_has_more_than_12_source_files() {
    let folders = ["commands", "src", "tests", "benches"];
    let mut counts = BTreeMap::new();
    for file in folders.iter().flat_map(|it| SourceFile::below(it, ".rs")) {
        let folder = file.path.parent().unwrap().to_owned();
        *counts.entry(folder).or_insert(0) += 1;
    }
    let offenders: Vec<_> = counts
        .into_iter()
        .filter(|(_, count)| *count > MAX_FILES)
        .map(|(folder, count)| format!("{}: {count} files", folder.display()))
        .collect();
    assert!(
        offenders.is_empty(),
        "folders with more than {MAX_FILES} source files:\n{}",
        offenders.join("\n")
    );
}
