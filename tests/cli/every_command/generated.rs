//! The generated files in the repository are up to date.

use std::collections::BTreeMap;

use camino::Utf8Path;
use eklavya_testkit::cli::TestEnv;

const HOW: &str = "regenerate it: just generate";

fn files(directory: &Utf8Path) -> BTreeMap<String, String> {
    let entries = directory.read_dir_utf8().unwrap();
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().to_owned(), text)
        })
        .collect()
}

#[test]
fn the_manual_is_up_to_date() {
    let env = TestEnv::empty();
    env.run(&["man", "--directory", "man"]).ok();
    let made = files(&env.path().join("man"));
    let kept = files(&Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("man"));
    assert!(made.keys().eq(kept.keys()), "man/ has other pages; {HOW}");
    for (name, page) in &made {
        assert!(kept[name] == *page, "man/{name} is out of date; {HOW}");
    }
}

#[test]
fn the_completions_are_up_to_date() {
    let env = TestEnv::empty();
    let kept = files(&Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("completions"));
    for (shell, name) in [
        ("bash", "eklavya.bash"),
        ("zsh", "_eklavya"),
        ("fish", "eklavya.fish"),
    ] {
        let made = env.run(&["completions", shell]).ok().stdout;
        assert!(
            kept.get(name) == Some(&made),
            "completions/{name} is out of date; {HOW}"
        );
    }
}
