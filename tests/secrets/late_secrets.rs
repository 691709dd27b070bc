//! A secret that is set after work that contains it was merged.

use std::fs;

use eklavya_testkit::cli::CommandResult;
use eklavya_testkit::install::SCRIPT;
use eklavya_testkit::install::TestInstall;

/// A text that an agent writes into `tests/hello.sh`.
const WRITTEN: &str = "grep -q hello";

fn set_secret(install: &TestInstall, name: &str, value: &str) {
    let file = install.path().join("value");
    fs::write(&file, value).unwrap();
    install
        .run(&["secret", "set", "shop", name, "--file", file.as_str()])
        .ok();
    fs::remove_file(file).unwrap();
}

fn assert_refused(outcome: &CommandResult, places: &str) {
    assert_eq!(outcome.code, 4, "{}", outcome.snapshot_text());
    assert!(outcome.stderr.contains(places), "{}", outcome.stderr);
    for hint in [
        "eklavya secret set shop LATE_KEY",
        "eklavya secret rm shop LATE_KEY",
    ] {
        assert!(outcome.stderr.contains(hint), "{}", outcome.stderr);
    }
    assert!(
        !outcome.snapshot_text().contains(WRITTEN),
        "{}",
        outcome.snapshot_text()
    );
}

#[test]
fn a_secret_set_after_the_merge_is_not_delivered() {
    let install = TestInstall::new(SCRIPT);
    install.run_stages(0..6);
    set_secret(&install, "LATE_KEY", WRITTEN);
    let refused = install.run(&["deliver", "shop"]);
    assert_refused(&refused, "LATE_KEY in tests/hello.sh");
    // No tag, file or record of a delivery exists.
    assert!(!install.refs().contains("refs/tags/"), "{}", install.refs());
    let delivery = install.project_dir().join("delivery");
    let left = fs::read_dir(&delivery).map_or(0, Iterator::count);
    assert_eq!(left, 0, "{delivery}");
    let refusal = install.run(&["deliver", "shop", "--output", "json"]);
    assert_eq!(refusal.code, 4, "{}", refusal.snapshot_text());
    assert!(
        refusal.stderr.contains("\"wrongState\""),
        "{}",
        refusal.stderr
    );
    // After the secret is replaced, the old value is no secret.
    set_secret(&install, "LATE_KEY", "another value altogether");
    install.run(&["deliver", "shop"]).ok();
    assert!(
        install.refs().contains("refs/tags/v1.0.0"),
        "{}",
        install.refs()
    );
}

#[test]
fn a_credential_of_the_installation_is_not_delivered() {
    let mut install = TestInstall::new(SCRIPT);
    install.run_stages(0..6);
    install.set_variable("ANTHROPIC_AUTH_TOKEN", WRITTEN);
    let refused = install.run(&["deliver", "shop"]);
    let place = "a credential of this installation in tests/hello.sh";
    assert_eq!(refused.code, 4, "{}", refused.snapshot_text());
    assert!(refused.stderr.contains(place), "{}", refused.stderr);
}
