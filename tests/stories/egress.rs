//! What agents reach beyond the model: a developer fetches a library by git through the proxy at its
//! door, and nothing that is not listed.

use crate::library::{library, serve};
use crate::rehearsal::{ANY, Rehearsal, bash, plan, says};
use crate::story::Story;

#[test]
fn a_developer_fetches_what_is_listed_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    library(place.path());
    let port = serve(place.path().to_owned());
    let listed = format!("http://127.0.0.2:{port}/lib/.git");
    let fetch = format!("git clone -q {listed} /tmp/lib && cp /tmp/lib/README site/library.txt");
    let other = format!("git ls-remote http://127.0.0.3:{port}/lib/.git; echo ended with $?");
    let direct = format!(
        "env -u http_proxy -u HTTP_PROXY -u ALL_PROXY -u all_proxy git ls-remote {listed}; \
         echo ended with $?"
    );
    let plan = plan(&[("T1", "developer", &[])]);
    let steps = [bash(&fetch), bash(&other), bash(&direct), says("Fetched.")];
    let rehearsal = Rehearsal::of(&plan).plays("developer", "T1", ANY, steps);
    let hosts = format!("127.0.0.2:{port}");
    let story = Story::ready_to_build(&plan, &rehearsal)
        .with("EKLAVYA_EGRESS_PACKAGES", &hosts)
        .with("EKLAVYA_EGRESS_PRIVATE", &hosts);
    assert_eq!(story.json("build shop")["status"], "built");
    assert_eq!(story.file("main", "site/library.txt"), "a library\n");
    let did = story.did("T1", 1);
    assert!(
        did.contains("403") && !did.contains("ended with 0"),
        "{did}"
    );
    let trail = story.audit();
    let decided = |decision: &str, target: &str| {
        trail.iter().any(|line| {
            line.action == "egress.request"
                && line.details["decision"] == decision
                && line.details["target"] == target
        })
    };
    assert!(decided("allowed", &hosts), "{trail:#?}");
    assert!(
        decided("denied", &format!("127.0.0.3:{port}")),
        "{trail:#?}"
    );
    let key = "eklavya-door-";
    assert!(
        !trail
            .iter()
            .any(|line| line.details.to_string().contains(key))
    );
}
