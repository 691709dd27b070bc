use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use eklavya_core::clock::SystemClock;

fn test_capacity(directory: &tempfile::TempDir, agents: u32, agent_mib: u64) -> Arc<Capacity> {
    let memory = MemoryLimits {
        agent_mib,
        reserve_mib: 0,
    };
    let limits = CapacityLimits { agents, memory };
    Capacity::new(
        directory.path().join("slots"),
        limits,
        Arc::new(SystemClock),
    )
}

async fn ignore(_: CapacityShortage) {}

#[tokio::test]
async fn the_agent_limit_covers_all_processes_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    // Each agent waits until another agent runs at the same time.
    let pair = Arc::new(tokio::sync::Barrier::new(2));
    let mut agents = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let process = test_capacity(&directory, 2, 1);
        for project in [ProjectId::random(), ProjectId::random()] {
            let (process, running, most) = (process.clone(), running.clone(), most.clone());
            let pair = pair.clone();
            agents.spawn(async move {
                let permit = process
                    .admit(project, ProjectPriority::default(), ignore)
                    .await;
                let permit = permit.unwrap();
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                pair.wait().await;
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
async fn a_shortage_is_reported_once_and_a_wait_can_be_cancelled() {
    let directory = tempfile::tempdir().unwrap();
    let capacity = test_capacity(&directory, 1, 1);
    let (one, other) = (ProjectId::random(), ProjectId::random());
    let held = capacity
        .admit(one, ProjectPriority::default(), ignore)
        .await
        .unwrap();
    let (reported, mut reports) = tokio::sync::mpsc::unbounded_channel();
    let on_shortage = async move |shortage| reported.send(shortage).unwrap();
    let mut waiting = Box::pin(capacity.admit(other, ProjectPriority::default(), on_shortage));
    tokio::select! {
        _ = &mut waiting => panic!("admitted an agent beyond the capacity"),
        shortage = reports.recv() => assert_eq!(shortage, Some(CapacityShortage::Agents { limit: 1 })),
    }
    drop(waiting);
    assert!(capacity.lock().waiting.is_empty() && capacity.lock().turnstile.is_none());
    drop(held);
    assert!(
        capacity
            .admit(one, ProjectPriority::default(), ignore)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn one_agent_may_always_run_even_if_memory_is_short() {
    let directory = tempfile::tempdir().unwrap();
    let capacity = test_capacity(&directory, 4, 1 << 40);
    let (one, other) = (ProjectId::random(), ProjectId::random());
    let held = capacity
        .admit(one, ProjectPriority::default(), ignore)
        .await
        .unwrap();
    let (reported, mut reports) = tokio::sync::mpsc::unbounded_channel();
    let on_shortage = async move |shortage| reported.send(shortage).unwrap();
    let mut waiting = Box::pin(capacity.admit(other, ProjectPriority::default(), on_shortage));
    tokio::select! {
        _ = &mut waiting => panic!("admitted an agent beyond the capacity"),
        shortage = reports.recv() => {
            assert!(matches!(shortage, Some(CapacityShortage::Memory { .. })), "{shortage:?}");
        }
    }
    drop(held);
    assert!(waiting.await.is_ok());
}

#[tokio::test]
async fn scarce_capacity_is_shared_by_weight() {
    let directory = tempfile::tempdir().unwrap();
    let capacity = test_capacity(&directory, 1, 1);
    let (heavy, light) = (ProjectId::random(), ProjectId::random());
    let first = capacity
        .admit(light, ProjectPriority::default(), ignore)
        .await
        .unwrap();
    let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
    let mut agents = tokio::task::JoinSet::new();
    for (project, weight, count) in [(light, 1, 3), (heavy, 3, 9)] {
        for _ in 0..count {
            let (capacity, served) = (capacity.clone(), served.clone());
            agents.spawn(async move {
                let weight = ProjectPriority::new(weight).unwrap();
                let _permit = capacity.admit(project, weight, ignore).await.unwrap();
                served.send(project).unwrap();
            });
        }
    }
    while capacity.lock().waiting.len() < 12 {
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
