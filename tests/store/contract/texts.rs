//! Texts that are hard to store are stored, and alike in every database.

use eklavya_store::{Store, projects, tasks};
use serde_json::json;

use super::on_each;
use crate::fixtures::project_records::{self, HOSTILE};

#[tokio::test]
async fn texts_are_stored_on_each_database() {
    on_each![
        hostile_texts_are_kept,
        long_texts_are_kept,
        nul_characters_are_replaced
    ];
}

async fn hostile_texts_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let project = project_records::project(1, "shop");
    projects::insert(&mut tx, &project).await.unwrap();
    for text in HOSTILE {
        let mut task = project_records::task(&project, text);
        task.feedback = Some(text.to_owned());
        task.result = Some(json!({text: [text]}));
        tasks::insert(&mut tx, &task).await.unwrap();
        let found = tasks::by_id(&mut tx, task.id).await.unwrap();
        assert_eq!(found, Some(task));
    }
    let found = tasks::of_project(&mut tx, project.id).await.unwrap();
    let keys: Vec<&str> = found.iter().map(|task| task.key.as_str()).collect();
    let mut by_bytes = HOSTILE.to_vec();
    by_bytes.sort_unstable();
    assert_eq!(keys, by_bytes);
}

async fn long_texts_are_kept(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let mut project = project_records::project(1, "shop");
    project.brief = "\u{10FFFF}\\'\"".repeat(1 << 18);
    projects::insert(&mut tx, &project).await.unwrap();
    let mut task = project_records::task(&project, &"k".repeat(1_000));
    task.result = Some(json!([project.brief, (0..1000).collect::<Vec<_>>()]));
    tasks::insert(&mut tx, &task).await.unwrap();
    let found = projects::by_id(&mut tx, project.id).await.unwrap();
    assert!(found == Some(project), "a long text changed");
    let found = tasks::by_id(&mut tx, task.id).await.unwrap();
    assert!(found == Some(task), "a long document changed");
}

/// PostgreSQL cannot store U+0000; SQLite could.
async fn nul_characters_are_replaced(store: &Store) {
    let mut tx = store.begin_write().await.unwrap();
    let mut project = project_records::project(1, "shop");
    project.name = String::from("\0a\0");
    projects::insert(&mut tx, &project).await.unwrap();
    let mut task = project_records::task(&project, "T1");
    task.result = Some(json!({"\0": ["b\0", {"c": "\0"}]}));
    tasks::insert(&mut tx, &task).await.unwrap();
    let found = projects::by_id(&mut tx, project.id).await.unwrap().unwrap();
    assert_eq!(found.name, "\u{FFFD}a\u{FFFD}");
    let found = tasks::by_id(&mut tx, task.id).await.unwrap().unwrap();
    let expected = json!({"\u{FFFD}": ["b\u{FFFD}", {"c": "\u{FFFD}"}]});
    assert_eq!(found.result, Some(expected));
}
