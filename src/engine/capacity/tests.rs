use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use eklavya_core::clock::SystemClock;

fn capacity(place: &tempfile::TempDir, agents: u32, agent_mib: u64) -> Arc<Capacity> {
    let memory = MemoryLimits {
        agent_mib,
        reserve_mib: 0,
    };
    let limits = CapacityLimits { agents, memory };
    Capacity::new(place.path().join("slots"), limits, Arc::new(SystemClock))
}

async fn quiet(_: CapacityShortage) {}

#[tokio::test]
async fn never_more_than_the_limit_over_all_who_share_the_directory() {
    let place = tempfile::tempdir().unwrap();
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut agents = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let process = capacity(&place, 2, 1);
        for project in [ProjectId::random(), ProjectId::random()] {
            let (process, running, most) = (process.clone(), running.clone(), most.clone());
            agents.spawn(async move {
                let permit = process
                    .admit(project, ProjectPriority::default(), quiet)
                    .await;
                let permit = permit.unwrap();
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                drop(permit);
            });
        }
    }
    let done = agents.join_all().await;
    assert_eq!((done.len(), most.load(Ordering::SeqCst)), (6, 2));
}

#[tokio::test]
async fn a_waiting_agent_is_told_why_once_and_may_give_up() {
    let place = tempfile::tempdir().unwrap();
    let room = capacity(&place, 1, 1);
    let (one, other) = (ProjectId::random(), ProjectId::random());
    let held = room
        .admit(one, ProjectPriority::default(), quiet)
        .await
        .unwrap();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let tell = async move |shortage| told.send(shortage).unwrap();
    let mut waiting = Box::pin(room.admit(other, ProjectPriority::default(), tell));
    tokio::select! {
        _ = &mut waiting => panic!("there is no room"),
        shortage = heard.recv() => assert_eq!(shortage, Some(CapacityShortage::Agents { limit: 1 })),
    }
    drop(waiting);
    assert!(room.lock().waiting.is_empty() && room.lock().turnstile.is_none());
    drop(held);
    assert!(
        room.admit(one, ProjectPriority::default(), quiet)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn one_agent_may_always_run_however_little_memory_there_is() {
    let place = tempfile::tempdir().unwrap();
    let room = capacity(&place, 4, 1 << 40);
    let (one, other) = (ProjectId::random(), ProjectId::random());
    let held = room
        .admit(one, ProjectPriority::default(), quiet)
        .await
        .unwrap();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let tell = async move |shortage| told.send(shortage).unwrap();
    let mut waiting = Box::pin(room.admit(other, ProjectPriority::default(), tell));
    tokio::select! {
        _ = &mut waiting => panic!("there is no room"),
        shortage = heard.recv() => {
            assert!(matches!(shortage, Some(CapacityShortage::Memory { .. })), "{shortage:?}");
        }
    }
    drop(held);
    assert!(waiting.await.is_ok());
}

#[tokio::test]
async fn scarce_room_goes_to_projects_by_their_weight() {
    let place = tempfile::tempdir().unwrap();
    let room = capacity(&place, 1, 1);
    let (heavy, light) = (ProjectId::random(), ProjectId::random());
    let first = room
        .admit(light, ProjectPriority::default(), quiet)
        .await
        .unwrap();
    let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
    let mut agents = tokio::task::JoinSet::new();
    for (project, weight, count) in [(light, 1, 3), (heavy, 3, 9)] {
        for _ in 0..count {
            let (room, served) = (room.clone(), served.clone());
            agents.spawn(async move {
                let weight = ProjectPriority::new(weight).unwrap();
                let _permit = room.admit(project, weight, quiet).await.unwrap();
                served.send(project).unwrap();
            });
        }
    }
    while room.lock().waiting.len() < 12 {
        tokio::task::yield_now().await;
    }
    drop(first);
    agents.join_all().await;
    drop(served);
    let mut turns = Vec::new();
    while let Some(project) = order.recv().await {
        turns.push(project);
    }
    let of_light = |turns: &[ProjectId]| turns.iter().filter(|p| **p == light).count();
    assert_eq!(turns.len(), 12);
    for quarter in [4, 8, 12] {
        let share = of_light(&turns[..quarter]);
        assert!(share.abs_diff(quarter / 4) <= 1, "{share} of {quarter}");
    }
}
