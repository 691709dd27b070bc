//! The isolation of agents under bubblewrap; the module `docker` makes the same assertions in
//! containers.

#[test]
fn every_cell_of_the_role_table_holds() {
    insta::assert_snapshot!(super::role_table::attempt_table(&[]));
}

#[test]
fn an_agent_cannot_reach_another_project() {
    super::neighbours::assert_neighbour_unreachable(&[]);
}
