//! A full disk: commands report it, nothing is half-written, and with more space the work resumes.

use eklavya_testkit::cli::CommandResult;
use eklavya_testkit::install::{SCRIPT, STAGES, TestInstall};

use crate::error_lines;
use crate::fixtures::mount_namespace::MountNamespace;

/// An installation whose data directory is a separate small disk. The model is a rehearsal, since
/// a process outside the mount namespace cannot see the disk.
struct SmallDisk {
    namespace: MountNamespace,
    install: TestInstall,
}

impl SmallDisk {
    fn new(script: &str) -> Self {
        let mut install = TestInstall::empty(script);
        let mut namespace = MountNamespace::open();
        let home = install.home();
        std::fs::create_dir(&home).unwrap();
        namespace.run(&format!("mount -t tmpfs -o size=40m,mode=711 none {home}"));
        install.wrapper = namespace.wrapper(install.path().as_str());
        let rehearsal = install.path().join("script.yaml");
        std::fs::write(&rehearsal, script).unwrap();
        install.set_variable("EKLAVYA_MODEL_REHEARSAL", rehearsal.as_str());
        Self { namespace, install }
    }

    /// Fills the disk to the last byte.
    fn fill_disk(&mut self) {
        let ballast = self.install.home().join("ballast");
        let dd = |size| format!("dd if=/dev/zero bs={size} 2> /dev/null");
        let line = format!("{{ {}; {}; }} > {ballast}; true", dd("64k"), dd("1"));
        self.namespace.run(&line);
    }

    fn make_room(&mut self) {
        let home = self.install.home();
        self.namespace.run(&format!(
            "rm -f {home}/ballast {home}/projects/*/work/*/home/ballast"
        ));
    }

    fn run(&self, arguments: &[&str]) -> CommandResult {
        self.install.run(arguments)
    }
}

#[track_caller]
fn assert_full(outcome: &CommandResult) {
    assert_eq!(outcome.code, 7, "{outcome:#?}");
    let said = error_lines(outcome);
    let hint = "hint: The disk of [DIR]/home is full: free some space and run the command again";
    assert!(said.contains(hint), "{said}");
}

#[test]
fn commands_report_a_full_disk_and_leave_nothing_half_done() {
    let mut disk = SmallDisk::new(SCRIPT);
    disk.fill_disk();
    assert_full(&disk.run(&["init", "--yes"]));
    disk.make_room();
    disk.run(&["init", "--yes"]).ok();

    disk.fill_disk();
    assert_full(&disk.install.try_create_project());
    disk.make_room();
    let none = disk
        .run(&["project", "list", "--output", "json"])
        .ok()
        .json();
    assert_eq!(none.as_array().unwrap().len(), 0);
    disk.install.create_project();

    disk.fill_disk();
    for _ in 0..2 {
        assert_full(&disk.run(STAGES[0]));
    }
    disk.make_room();
    disk.run(STAGES[0]).ok();
}

#[test]
fn work_stops_if_an_agent_fills_the_disk_and_resumes_with_more_space() {
    let fills = "if ! test -e $HOME/filled; then touch $HOME/filled; \
        dd if=/dev/zero of=$HOME/ballast bs=64k; dd if=/dev/zero bs=1 >> $HOME/ballast; fi; \
        mkdir -p site tests &&";
    let mut disk = SmallDisk::new(&SCRIPT.replace("mkdir -p site tests &&", fills));
    disk.run(&["init", "--yes"]).ok();
    disk.install.create_project();
    for stage in &STAGES[..2] {
        disk.run(stage).ok();
    }
    let stopped = disk.run(STAGES[2]);
    assert_full(&stopped);
    disk.make_room();
    for stage in &STAGES[2..6] {
        disk.run(stage).ok();
    }
    disk.fill_disk();
    assert_full(&disk.run(STAGES[6]));
    disk.make_room();
    disk.run(STAGES[6]).ok();
    insta::assert_snapshot!("final_tree", disk.install.tree());
    let shown = disk
        .run(&["project", "show", "shop", "--output", "json"])
        .ok()
        .json();
    assert_eq!(shown["status"], "delivered");
    let bundle = shown["delivery"]["bundle"]
        .as_str()
        .unwrap()
        .replace("[DIR]", disk.install.path().as_str());
    disk.install.git(&["bundle", "verify", "--quiet", &bundle]);
}
